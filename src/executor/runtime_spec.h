// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "executor/executor.h"
#include "os/terminal.h"

namespace kiln::executor {

/// What of this machine a container's configuration depends on.
struct RuntimeHost {
  bool in_user_namespace = false;
  bool pure_cgroup_v2 = false;  ///< /sys/fs/cgroup is a cgroup2 file system
  bool maps_tty_group = true;   ///< gid 5, of terminals, exists in our user namespace
  unsigned processors = 1;
  std::uint64_t capabilities = 0;  ///< that this process has, a bit each
  /// The runtime keeps the container to the devices that its configuration names.
  bool limits_devices = false;
};

/// Files of the host that are mounted in the container; an empty one isn't.
struct HostFiles {
  std::string hosts;
  std::string resolv_conf;
  std::string hostname;
  /// A folder with the standard devices, for those who mount them (mounts_devices); empty: the
  /// machine's own are mounted, read-only.
  std::string devices;
};

/// Whether no device file in the container's /dev opens anything, so that the standard devices have
/// to be mounted there.
bool mounts_devices(const ExecSpec& spec, const RuntimeHost& host);

/// One entry of the configuration's `mounts`.
struct RuntimeMount {
  enum class Point { file, directory };
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
  Point point = Point::directory;
  /// The mount point may stay in the root file system (as BuildKit leaves /dev, /proc and /sys).
  bool leaves_mount_point = false;
};

/// The capabilities that docker gives, sorted.
const std::vector<std::string>& default_capabilities();

/// All mounts, in the order in which they are made: the standard ones, those of `files`, then the
/// spec's and those of its devices, folders before what is below them. Each replaces one of before
/// it at the same place. Kind invalid_input for a target that isn't absolute or is the root;
/// not_found if the source of a bind mount isn't there.
Result<std::vector<RuntimeMount>> runtime_mounts(const ExecSpec& spec, const RuntimeHost& host,
                                                 const HostFiles& files);

/// What config.json says beside the spec itself.
struct RuntimeConfig {
  RuntimeHost host;
  std::vector<RuntimeMount> mounts;
  /// The text of linux.seccomp; empty: none.
  std::string seccomp;
  /// The same as a compiled filter, for crun, which then compiles nothing.
  std::string seccomp_filter;
  std::optional<os::TerminalSize> terminal_size;
};

/// config.json (OCI runtime specification 1.0).
std::string to_config_json(const ExecSpec& spec, const RuntimeConfig& config);

/// The text of the container's /etc/hosts, as BuildKit and docker write it.
std::string hosts_file(const ExecSpec& spec);

}  // namespace kiln::executor
