// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kiln::executor {

/// A device that the container gets. What is unset is taken from the node at `host_path`.
struct DeviceNode {
  std::string path;       ///< absolute, in the container
  std::string host_path;  ///< on this machine; empty: `path`
  char type = 0;          ///< b, c, u (as c) or p; 0: unset
  std::int64_t major = 0, minor = 0;
  std::optional<unsigned> mode;
  std::string permissions;  ///< of r, w and m; empty: all
  std::optional<std::uint32_t> uid, gid;
};

/// A program of the machine that the runtime starts at one of its moments.
struct Hook {
  std::string moment;  ///< as the configuration's `hooks` names it: createContainer
  std::string path;
  std::vector<std::string> args, env;
  std::optional<std::int64_t> timeout;  ///< seconds
};

/// A mount as it goes into the configuration.
struct HostMount {
  std::string host_path;
  std::string container_path;
  std::string type;  ///< empty: a bind mount
  std::vector<std::string> options;
};

/// Of Intel's resource director; text as the configuration has it.
struct IntelRdt {
  std::string class_id, l3_schema, bandwidth_schema;
};

/// What devices of this machine need a container to have (CDI specification, containerEdits).
struct ContainerEdits {
  std::vector<std::string> env;  ///< `NAME=VALUE`; comes before what the container has
  std::vector<DeviceNode> device_nodes;
  std::vector<HostMount> mounts;
  std::vector<Hook> hooks;
  std::vector<std::uint32_t> additional_gids;
  std::optional<IntelRdt> intel_rdt;

  bool empty() const {
    return env.empty() && device_nodes.empty() && mounts.empty() && hooks.empty() &&
           additional_gids.empty() && !intel_rdt;
  }
  /// Adds what `other` needs too.
  void append(const ContainerEdits& other);
};

}  // namespace kiln::executor
