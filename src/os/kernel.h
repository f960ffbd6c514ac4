// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln::os {

/// What the running kernel offers this process.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};
KernelVersion kernel_version();
/// The ID that the kernel drew when the machine was started; empty if it is not to be had.
std::string boot_id();
/// Bytes of files that are in memory only so far, whoever wrote them.
std::uint64_t unwritten_bytes();
/// Whether this process is in another user namespace than the machine's first one.
bool in_user_namespace();
/// Whether group `gid` exists in our user namespace.
bool is_gid_mapped(std::uint32_t gid);
/// The effective capabilities of this process, bit N for number N.
std::uint64_t effective_capabilities();

/// UINT64_MAX is no limit.
struct ResourceLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};
/// Of this process, by setrlimit(2)'s name in lower case ("nofile"); nullopt for one that isn't.
std::optional<ResourceLimit> resource_limit(std::string_view name);
/// Whether this process may set a hard limit higher than it is.
bool may_raise_limits();

/// Whether /sys/fs/cgroup is a cgroup2 file system, not the older hierarchies.
bool has_pure_cgroup_v2();

}  // namespace kiln::os
