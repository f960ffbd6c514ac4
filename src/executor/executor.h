// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "executor/container_edits.h"
#include "os/fd.h"
#include "os/process.h"
#include "os/proxied_signals.h"

namespace kiln::executor {

/// A file or folder of the host, seen at `target`.
struct BindMount {
  std::string source;  ///< absolute, on the host
  std::string target;  ///< absolute, in the container
  bool read_only = false;
  bool recursive = true;                  ///< with the mounts below `source`
  std::vector<std::string> options = {};  ///< more of mount(8)'s: "nosuid"
  /// Writes go to a folder of the run's own, and are gone with it.
  bool discards_writes = false;
  /// What is mounted is given to the process's user first: on the machine, unless writes are
  /// discarded.
  bool given_to_user = false;
};

/// An empty file system in memory.
struct TmpfsMount {
  std::string target;
  std::uint64_t size = 0;  ///< bytes; 0: the kernel's default, half of the memory
  unsigned mode = 01777;
  bool read_only = false;
};

using Mount = std::variant<BindMount, TmpfsMount>;

/// `host`: the network of this process. `none`: a new one in which there is only loopback.
enum class Network { host, none };

/// Which way /etc/hosts, /etc/resolv.conf and /etc/hostname come into the container: `build` is
/// what a step of a build sees (no /etc/hostname, everything read-only), `container` what `run`
/// gives.
enum class NetworkFiles { build, container };

struct ExtraHost {
  std::string name;
  std::string address;
};

/// `insecure`: every capability that this process has, no system call filter, nothing masked or
/// read-only.
enum class Security { sandbox, insecure };

/// A resource limit by setrlimit(2)'s name in lower case, "nofile"; UINT64_MAX is none. One that is
/// above what this process may set is cut down to that.
struct Ulimit {
  std::string name;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

/// What control groups keep a container to; unset is no limit.
struct Resources {
  std::optional<std::int64_t> memory;       ///< bytes
  std::optional<std::int64_t> memory_swap;  ///< bytes of memory and swap; -1: any amount of swap
  std::optional<std::uint64_t> cpu_shares;  ///< 2 to 262144; 1024 is the usual weight
  std::optional<std::uint64_t> cpu_period;  ///< microseconds
  std::optional<std::int64_t> cpu_quota;    ///< microseconds of each period
  std::string cpus;                         ///< "0-3,5"
  std::string memory_nodes;                 ///< "0"
  std::string cgroup_parent;                ///< the group in which each container gets its own
  bool any() const {
    return memory || memory_swap || cpu_shares || cpu_period || cpu_quota || !cpus.empty() ||
           !memory_nodes.empty() || !cgroup_parent.empty();
  }
};

/// One process in one container. See docs/sandbox.md for all that is not said here.
struct ExecSpec {
  std::string rootfs;  ///< a mounted directory that belongs to this run alone
  bool read_only_rootfs = false;
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< `NAME=VALUE`; argv[0] is looked up in the PATH in here
  /// More of them, which are written to no file system but one in memory.
  std::vector<std::string> secret_env = {};
  std::string cwd = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> additional_gids;
  std::string hostname = "kiln";
  Network network = Network::host;
  NetworkFiles network_files = NetworkFiles::build;
  std::vector<ExtraHost> extra_hosts;
  std::vector<Mount> mounts;
  Security security = Security::sandbox;
  std::uint64_t shm_size = std::uint64_t{64} << 20;  ///< of /dev/shm
  std::vector<Ulimit> ulimits = {};
  Resources resources = {};
  bool terminal = false;  ///< run it on a terminal of its own
  /// What its programs are for, as Go names it. Empty: this machine. Others run under qemu.
  std::string architecture = {};
  /// Of devices of this machine.
  ContainerEdits edits = {};
};

enum class OutputStream { out, err };

struct ExecIo {
  /// What the process reads; owning nothing, it is /dev/null. With ExecSpec::terminal it is what is
  /// typed there, nothing without it; if it is the user's own terminal, that is in raw mode while
  /// the process runs, and as before afterwards.
  os::Fd input;
  /// Takes what the process writes, as it comes; called in the thread that called run. A terminal
  /// has only one stream, `out`.
  std::function<void(OutputStream, std::string_view bytes)> output;
  /// With ExecSpec::terminal: the user's terminal, whose size the process's follows. May be none.
  os::Fd terminal;
  /// What comes here is passed on to the process. A third INT or TERM, as nothing came of the
  /// earlier ones, ends everything in the container, and is an Error of kind step_failed. Borrowed.
  const os::ProxiedSignals* signals = nullptr;
};

/// Runs the processes of build steps and containers.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `spec` to its end, however it ends: an exit status that isn't 0 is no Error. A process
  /// that a signal ended has the code 128 + signal, as with docker. It is an Error if the process
  /// can't be started, with docker's message and exit code (127 for a program that isn't there, 126
  /// for one that can't be executed, 125 for the rest), and, of kind cancelled, if `stop` is asked
  /// for: SIGTERM, then SIGKILL within a second. Nothing of the container is running when this
  /// returns. May be called from many threads at once.
  virtual Result<os::ExitStatus> run(const ExecSpec& spec, ExecIo& io, std::stop_token stop) = 0;
};

}  // namespace kiln::executor
