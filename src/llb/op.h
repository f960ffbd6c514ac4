// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "oci/digest.h"

/// What the vertices of a build graph do, after BuildKit's LLB. Plain values: an op says everything
/// that defines its result besides its inputs, and nothing else.
namespace kiln::llb {

/// An image's root file system. No inputs.
struct ImageSource {
  std::vector<oci::DiffId> layers;  ///< lowest first; none for scratch
};

/// A directory of the machine that builds, less what its ignore patterns leave out. No inputs.
struct LocalSource {
  std::string name;                 ///< "context"; the solver is told which directory that is
  std::vector<std::string> ignore;  ///< patterns as in .dockerignore
};

/// A file by http or https, alone in a directory. No inputs.
struct HttpSource {
  std::string url;
  std::string name;  ///< that the file gets
  std::optional<oci::Digest> checksum = {};
  /// A named context: an archive's content stands in place of the archive.
  bool unpack = false;
};

/// What a git repository holds at a ref. No inputs.
struct GitSource {
  std::string remote;  ///< may hold user and password
  std::string ref;     ///< empty: the default branch
  std::string checksum = {};
  std::string subdir = {};
  bool keep_git_dir = false;
  bool submodules = true;
  bool commit_mtime = false;
  bool fetch_by_commit = false;
};

enum class NetworkMode { host, none };

/// `insecure`: all capabilities, no system call filter, nothing masked.
enum class SecurityMode { sandbox, insecure };

/// A file that a process sees while it runs, and that no layer gets.
struct InlineMount {
  std::string path;
  std::string content;
  std::uint32_t mode = 0755;
};

/// A part of input `input`'s root file system. What is written to it is discarded.
struct BindMount {
  std::size_t input = 1;
  std::string source;  ///< absolute and clean, beneath that root
  std::string target;
  bool read_only = true;
};

enum class CacheSharing { shared, private_copy, locked };

/// Who a mount's files belong to; what is unset is the default of the mount's type.
struct MountOwner {
  std::optional<std::uint32_t> mode, uid, gid;
  bool any() const { return mode || uid || gid; }
};

/// A directory that outlives the build.
struct CacheMount {
  std::string id;
  std::string target;
  CacheSharing sharing = CacheSharing::shared;
  bool read_only = false;
  std::optional<std::size_t> input;  ///< whose files a new one begins with
  std::string source;                ///< absolute and clean; "/" is the whole
  MountOwner owner;                  ///< of the directory itself
};

/// An empty file system in memory.
struct TmpfsMount {
  std::string target;
  std::uint64_t size = 0;  ///< bytes; 0: the kernel's default
  bool read_only = false;
};

/// Of files that secrets and agents are, where no mode is asked for.
inline constexpr std::uint32_t kSecretMode = 0400, kAgentMode = 0600;

/// The solver is told the value, which is never part of anything that is kept.
struct SecretMount {
  std::string id;
  std::string target;  ///< a file; empty: none
  std::string env;     ///< a variable; empty: none
  bool required = false;
  MountOwner owner;
};

/// The socket of an agent with keys; the solver is told which.
struct SshMount {
  std::string id;
  std::string target;
  bool required = false;
  MountOwner owner;
};

using ExecMount = std::variant<BindMount, CacheMount, TmpfsMount, SecretMount, SshMount>;

/// A resource limit as setrlimit(2) has it; UINT64_MAX is none.
struct Ulimit {
  std::string name;  ///< "nofile"
  std::uint64_t soft = 0, hard = 0;
};

/// RUN: a process in the root file system of input 0. Its result is that file system as it is left.
struct ExecOp {
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< "KEY=value", in order
  std::string cwd;
  std::string user;      ///< as in USER
  std::string hostname;  ///< of BUILDKIT_SANDBOX_HOSTNAME; empty: the default
  /// What its programs are for, as Go names it; empty: the machine that builds.
  std::string architecture;
  NetworkMode network = NetworkMode::host;
  /// Whether `host` was asked for by that name; the same here, not elsewhere. Outside its identity.
  bool host_network_named = false;
  SecurityMode security = SecurityMode::sandbox;
  std::vector<InlineMount> inline_mounts;
  std::vector<ExecMount> mounts;     ///< in order
  std::vector<std::string> devices;  ///< of the machine, by their full CDI names
  std::uint64_t shm_size = 0;        ///< bytes of /dev/shm; 0: the default
  std::vector<Ulimit> ulimits;
  std::vector<std::string> host_names;  ///< that /etc/hosts has besides the usual; their addresses
                                        ///< are the solver's
  std::vector<std::string> volumes;     ///< `HOST:CONTAINER[:OPTIONS]`: folders of the machine
  /// Given to the process, but never part of its identity: proxy settings.
  std::vector<std::string> unkeyed_env;
  std::optional<std::int64_t> max_mtime;  ///< seconds; later mtimes of the result are set to it
  bool all_mtimes = false;                ///< all are, not only later ones
};

/// Copies from input `source` what `pattern` names (Go filepath.Match, path by path).
struct CopyAction {
  std::size_t source = 1;
  std::string pattern;  ///< absolute
  /// --parents: of the directories that `pattern` names, what matches this, by its path below them
  /// and with the directories on the way. As a line of .dockerignore; empty is everything.
  std::optional<std::string> below;
  std::string destination;  ///< absolute; a trailing slash makes it a directory
  bool unpack = false;      ///< local archives are unpacked (ADD)
  std::string chown;        ///< as in --chown; empty keeps the source's owner
  std::string chmod;        ///< as in --chmod, checked; empty keeps the source's mode
  std::vector<std::string> exclude;
  bool with_directory = false;  ///< a source that is a directory is copied itself, with its mode
};
/// mkdir -p.
struct MkdirAction {
  std::string path;
  std::uint32_t mode = 0755;
  std::string owner;  ///< as in USER; empty is root
};
/// A file whose content stands in the Dockerfile.
struct InlineFileAction {
  std::string name;
  std::string content;
  std::string destination;
  std::string chown;
  std::string chmod;
};
using FileAction = std::variant<CopyAction, MkdirAction, InlineFileAction>;

/// COPY, ADD, WORKDIR: changes to the root file system of input 0, in order.
struct FileOp {
  std::vector<FileAction> actions;
  /// Seconds: the mtime of what is copied or made; what is unpacked gets none later.
  std::optional<std::int64_t> mtime;
  bool all_mtimes = false;  ///< what is unpacked gets it too
};

/// COPY --link: the layers of its inputs, one upon the other.
struct MergeOp {};

/// The layers of input 0 with those from number `keep` on as one.
struct SquashOp {
  std::size_t keep = 0;
};

using Op = std::variant<ImageSource, LocalSource, HttpSource, GitSource, ExecOp, FileOp, MergeOp,
                        SquashOp>;

/// Whether its result is files as they are, and no layers.
inline bool gives_files(const Op& op) {
  return std::holds_alternative<LocalSource>(op) || std::holds_alternative<HttpSource>(op) ||
         std::holds_alternative<GitSource>(op);
}

/// Whether it makes a layer, rather than bringing something in or putting layers together.
inline bool is_step(const Op& op) {
  return std::holds_alternative<ExecOp>(op) || std::holds_alternative<FileOp>(op) ||
         std::holds_alternative<SquashOp>(op);
}

/// Canonical: equal exactly for ops that do the same to the same inputs.
std::string encode(const Op& op);

/// How errors about what a step names, and what isn't there, begin: for llb::Origin::focused.
std::string absence_of(const std::string& path);
std::string absence_of_secret(const std::string& id);
std::string absence_of_agent(const std::string& id);

}  // namespace kiln::llb
