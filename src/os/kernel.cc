// SPDX-License-Identifier: Apache-2.0
#include "os/kernel.h"

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#include <limits>
#include <string>
#include <vector>

#include "base/strings.h"
#include "os/fd.h"

namespace kiln::os {
namespace {

struct MapLine {
  std::uint64_t inside;
  std::uint64_t outside;
  std::uint64_t count;
};

/// The lines of /proc/self/uid_map or gid_map.
std::vector<MapLine> read_id_map(const std::string& path) {
  std::vector<MapLine> lines;
  auto text = read_file(path);
  if (!text) return lines;
  for (const std::string_view line : split(*text, '\n')) {
    std::vector<std::uint64_t> numbers;
    for (const std::string_view word : split(line, ' '))
      if (const auto number = parse_uint(word)) numbers.push_back(*number);
    if (numbers.size() == 3) lines.push_back({numbers[0], numbers[1], numbers[2]});
  }
  return lines;
}

}  // namespace

KernelVersion kernel_version() {
  utsname name{};
  KernelVersion version;
  if (::uname(&name) != 0) return version;
  const auto fields = split(name.release, '.');
  version.major = static_cast<unsigned>(parse_uint(fields[0]).value_or(0));
  if (fields.size() > 1) {
    const auto digits = fields[1].substr(0, fields[1].find_first_not_of("0123456789"));
    version.minor = static_cast<unsigned>(parse_uint(digits).value_or(0));
  }
  return version;
}

std::uint64_t effective_capabilities() {
  const auto status = read_file("/proc/self/status");
  if (!status) return 0;
  constexpr std::string_view kField = "CapEff:";
  for (const std::string_view line : split(*status, '\n')) {
    if (line.starts_with(kField))
      return parse_uint(trim(line.substr(kField.size())), 16).value_or(0);
  }
  return 0;
}

std::optional<ResourceLimit> resource_limit(std::string_view name) {
  constexpr std::pair<std::string_view, __rlimit_resource> kLimits[] = {
      {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
      {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
      {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
      {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
      {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
      {"stack", RLIMIT_STACK}};
  for (const auto& [known, number] : kLimits) {
    if (known != name) continue;
    rlimit limit{};
    if (::getrlimit(number, &limit) != 0) return std::nullopt;
    return ResourceLimit{limit.rlim_cur, limit.rlim_max};
  }
  return std::nullopt;
}

bool may_raise_limits() {
  constexpr unsigned kSysResource = 24;
  // The capability counts in the first user namespace only.
  return !in_user_namespace() && (effective_capabilities() >> kSysResource & 1) != 0;
}

std::string boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trim(*text)) : std::string();
}

std::uint64_t unwritten_bytes() {
  const auto text = read_file("/proc/meminfo");
  std::uint64_t kilobytes = 0;
  if (!text) return kilobytes;
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.starts_with("Dirty:") && !line.starts_with("Writeback:")) continue;
    const std::string_view rest = trim(line.substr(line.find(':') + 1));
    kilobytes += parse_uint(rest.substr(0, rest.find(' '))).value_or(0);
  }
  return kilobytes * 1024;
}

bool in_user_namespace() {
  const auto map = read_id_map("/proc/self/uid_map");
  // The first namespace maps everything onto itself. Without /proc nothing else would work either.
  return !(map.empty() || (map.size() == 1 && map[0].inside == 0 && map[0].outside == 0 &&
                           map[0].count == std::numeric_limits<std::uint32_t>::max()));
}

bool is_gid_mapped(std::uint32_t gid) {
  for (const MapLine& line : read_id_map("/proc/self/gid_map"))
    if (gid >= line.inside && gid - line.inside < line.count) return true;
  return false;
}

bool has_pure_cgroup_v2() {
  struct statfs info{};
  return ::statfs("/sys/fs/cgroup", &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace kiln::os
