// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// What a control group keeps its processes to; unset is no limit.
struct CgroupLimits {
  std::optional<std::int64_t> memory;       ///< bytes
  std::optional<std::int64_t> memory_swap;  ///< bytes of memory and swap; -1: any amount of swap
  std::optional<std::uint64_t> cpu_shares;  ///< cgroup v1's scale
  std::optional<std::uint64_t> cpu_period;  ///< microseconds
  std::optional<std::int64_t> cpu_quota;    ///< microseconds
  std::string cpus;
  std::string memory_nodes;
};

/// A control group of this machine, in the hierarchies of either version that its limits need; it
/// is removed when this goes, by when its processes have ended.
class Cgroup {
 public:
  /// Named `name`, below `parent` (a path from the hierarchy's root), or if that is empty below the
  /// group that this process is in (version 1), or the root's (version 2, where a group with
  /// processes takes no limits for its children). Kind unsupported or permission, with what can't
  /// be had, if a limit can't be set.
  static Result<Cgroup> create(const CgroupLimits& limits, const std::string& parent,
                               const std::string& name);
  Cgroup(Cgroup&& other) noexcept = default;
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  /// Open for writing: a process that writes 0 to each is in the group.
  const std::vector<Fd>& entrances() const { return entrances_; }

 private:
  Cgroup() = default;
  Result<void> add_v1(const std::string& controller, const std::string& parent,
                      const std::string& name, const CgroupLimits& limits);
  Result<void> add_v2(const CgroupLimits& limits, const std::string& parent,
                      const std::string& name);
  Result<std::string> make(const std::string& parent, const std::string& name);
  Result<void> enter(const std::string& folder);

  std::vector<std::string> folders_;
  std::vector<Fd> entrances_;
};

}  // namespace kiln::os
