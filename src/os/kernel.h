// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kiln::os {

/// What the running kernel offers this process.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};
KernelVersion kernel_version();
/// Whether this process is in another user namespace than the machine's first one.
bool in_user_namespace();
/// Whether group `gid` exists in our user namespace.
bool is_gid_mapped(std::uint32_t gid);
/// Whether /sys/fs/cgroup is a cgroup2 file system, not the older hierarchies.
bool has_pure_cgroup_v2();

}  // namespace kiln::os
