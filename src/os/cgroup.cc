// SPDX-License-Identifier: Apache-2.0
#include "os/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/strings.h"
#include "os/kernel.h"

namespace kiln::os {
namespace {

constexpr const char* kRoot = "/sys/fs/cgroup";
constexpr std::uint64_t kUsualPeriod = 100'000;

/// Written as a whole; the kernel's answer to a wrong value is in errno.
Result<void> write_knob(const std::string& path, const std::string& value) {
  const Fd file = TRY(open_file(path, O_WRONLY | O_TRUNC));
  const ssize_t n = ::write(file.get(), value.data(), value.size());
  if (n != static_cast<ssize_t>(value.size()))
    return system_error(errno, "write " + value + " to", path);
  return {};
}

/// The path of this process's group for a version 1 controller; nullopt if it isn't mounted.
Result<std::optional<std::string>> own_group(const std::string& controller) {
  const std::string text = TRY(read_file("/proc/self/cgroup"));
  for (const std::string_view line : split(text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    const auto names = split(parts[1], ',');
    if (std::ranges::find(names, controller) != names.end())
      return std::optional(std::string(parts[2]));
  }
  return std::optional<std::string>();
}

/// Version 1's 2 to 262144 as version 2's 1 to 10000, as the OCI runtimes convert it.
std::uint64_t cpu_weight(std::uint64_t shares) {
  const std::uint64_t in_range = std::clamp<std::uint64_t>(shares, 2, 262144);
  return 1 + (in_range - 2) * 9999 / 262142;
}

std::set<std::string> controllers_of(const CgroupLimits& limits) {
  std::set<std::string> out;
  if (limits.memory || limits.memory_swap) out.insert("memory");
  if (limits.cpu_shares || limits.cpu_period || limits.cpu_quota) out.insert("cpu");
  if (!limits.cpus.empty() || !limits.memory_nodes.empty()) out.insert("cpuset");
  return out;
}

Result<void> set_memory_v1(const std::string& folder, const CgroupLimits& limits) {
  if (limits.memory)
    TRY(write_knob(folder + "/memory.limit_in_bytes", std::to_string(*limits.memory)));
  if (limits.memory_swap)
    TRY(write_knob(folder + "/memory.memsw.limit_in_bytes", std::to_string(*limits.memory_swap)));
  return {};
}

Result<void> set_cpu_v1(const std::string& folder, const CgroupLimits& limits) {
  if (limits.cpu_shares)
    TRY(write_knob(folder + "/cpu.shares", std::to_string(*limits.cpu_shares)));
  if (limits.cpu_period)
    TRY(write_knob(folder + "/cpu.cfs_period_us", std::to_string(*limits.cpu_period)));
  if (limits.cpu_quota)
    TRY(write_knob(folder + "/cpu.cfs_quota_us", std::to_string(*limits.cpu_quota)));
  return {};
}

/// A group of this controller takes no process before both of its lists are set.
Result<void> set_cpuset_v1(const std::string& folder, const CgroupLimits& limits) {
  const std::string parent = folder.substr(0, folder.find_last_of('/'));
  for (const auto& [knob, value] :
       {std::pair("/cpuset.cpus", limits.cpus), std::pair("/cpuset.mems", limits.memory_nodes)}) {
    std::string text = value;
    if (text.empty()) text = TRY(read_file(parent + knob));
    TRY(write_knob(folder + knob, std::string(trim(text))));
  }
  return {};
}

}  // namespace

Result<Cgroup> Cgroup::create(const CgroupLimits& limits, const std::string& parent,
                              const std::string& name) {
  Cgroup group;
  if (has_pure_cgroup_v2()) {
    TRY(group.add_v2(limits, parent, name));
    return group;
  }
  std::set<std::string> controllers = controllers_of(limits);
  // A parent without limits: where the machine counts what a build takes.
  if (controllers.empty()) controllers = {"cpu", "memory"};
  for (const auto& controller : controllers) TRY(group.add_v1(controller, parent, name, limits));
  return group;
}

Cgroup::~Cgroup() {
  entrances_.clear();
  for (auto it = folders_.rbegin(); it != folders_.rend(); ++it) ::rmdir(it->c_str());
}

Result<std::string> Cgroup::make(const std::string& parent, const std::string& name) {
  std::string folder = parent + "/" + name;
  if (::mkdir(folder.c_str(), 0755) != 0) return system_error(errno, "make control group", folder);
  folders_.push_back(folder);
  return folder;
}

Result<void> Cgroup::enter(const std::string& folder) {
  Fd entrance = TRY(open_file(folder + "/cgroup.procs", O_WRONLY));
  entrances_.push_back(std::move(entrance));
  return {};
}

Result<void> Cgroup::add_v1(const std::string& controller, const std::string& parent,
                            const std::string& name, const CgroupLimits& limits) {
  const auto own = TRY(own_group(controller));
  const std::string mounted = std::string(kRoot) + "/" + controller;
  if (!own || !path_exists(mounted))
    return unsupported("this machine has no cgroup controller \"" + controller + "\"");
  std::string above = mounted + (parent.empty() ? *own : "/" + parent);
  // In a container the path may be that outside of it.
  if (parent.empty() && !path_exists(above)) above = mounted;
  while (above.ends_with('/')) above.pop_back();
  TRY(ensure_directory(above));
  if (!parent.empty() && controller == "cpuset" && above != mounted) {
    const std::string cpus = TRY(read_file(above + "/cpuset.cpus"));
    if (trim(cpus).empty()) TRY(set_cpuset_v1(above, {}));
  }
  const std::string folder = TRY(make(above, name));
  if (controller == "memory") TRY(set_memory_v1(folder, limits));
  if (controller == "cpu") TRY(set_cpu_v1(folder, limits));
  if (controller == "cpuset") TRY(set_cpuset_v1(folder, limits));
  return enter(folder);
}

Result<void> Cgroup::add_v2(const CgroupLimits& limits, const std::string& parent,
                            const std::string& name) {
  std::string above = std::string(kRoot) + (parent.empty() ? "" : "/" + parent);
  while (above.ends_with('/')) above.pop_back();
  TRY(ensure_directory(above));
  const std::string there = TRY(read_file(above + "/cgroup.controllers"));
  const auto available = split(trim(there), ' ');
  for (const auto& controller : controllers_of(limits)) {
    if (std::ranges::find(available, controller) == available.end())
      return unsupported("the control group " + above + " has no controller \"" + controller +
                         "\"");
    TRY(write_knob(above + "/cgroup.subtree_control", "+" + controller));
  }
  const std::string folder = TRY(make(above, name));
  if (limits.memory) TRY(write_knob(folder + "/memory.max", std::to_string(*limits.memory)));
  if (limits.memory_swap) {
    // Version 2 counts swap by itself.
    const std::int64_t swap = *limits.memory_swap - limits.memory.value_or(0);
    TRY(write_knob(folder + "/memory.swap.max",
                   *limits.memory_swap == -1 ? "max" : std::to_string(swap)));
  }
  if (limits.cpu_shares)
    TRY(write_knob(folder + "/cpu.weight", std::to_string(cpu_weight(*limits.cpu_shares))));
  if (limits.cpu_quota || limits.cpu_period) {
    const std::string quota =
        limits.cpu_quota && *limits.cpu_quota > 0 ? std::to_string(*limits.cpu_quota) : "max";
    TRY(write_knob(folder + "/cpu.max",
                   quota + " " + std::to_string(limits.cpu_period.value_or(kUsualPeriod))));
  }
  if (!limits.cpus.empty()) TRY(write_knob(folder + "/cpuset.cpus", limits.cpus));
  if (!limits.memory_nodes.empty()) TRY(write_knob(folder + "/cpuset.mems", limits.memory_nodes));
  return enter(folder);
}

}  // namespace kiln::os
