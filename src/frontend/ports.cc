// SPDX-License-Identifier: Apache-2.0
#include "frontend/ports.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::frontend {
namespace {

constexpr std::uint64_t kMaxPort = 65535;

constexpr std::array<std::string_view, 33> kSignals = {
    "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",  "HUP",  "ILL",    "INT",   "IO",
    "IOT",  "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV", "STKFLT", "STOP",  "SYS",
    "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH", "XCPU"};

}  // namespace

Result<std::vector<std::string>> parse_ports(std::string_view text) {
  const auto bad = [&](const char* why) {
    return invalid_input("invalid containerPort: " + std::string(text) + why);
  };
  auto [ports, protocol] = split_once(text, '/');
  const std::string proto = to_lower(protocol.value_or("tcp"));
  if (proto != "tcp" && proto != "udp" && proto != "sctp")
    return invalid_input("invalid proto: " + proto);
  const auto colon = ports.find_last_of(':');
  if (colon != std::string_view::npos) ports.remove_prefix(colon + 1);
  const auto [first_text, last_text] = split_once(ports, '-');
  const auto first = parse_uint(first_text);
  const auto last = last_text ? parse_uint(*last_text) : first;
  if (!first || !last || *first > kMaxPort || *last > kMaxPort) return bad("");
  if (*last < *first) return bad(": the range ends before it begins");
  std::vector<std::string> out;
  for (std::uint64_t port = *first; port <= *last; ++port)
    out.push_back(std::to_string(port) + "/" + proto);
  return out;
}

bool is_signal(std::string_view text) {
  if (const auto number = parse_uint(text)) return *number >= 1 && *number <= 64;
  const std::string upper = to_upper(text);
  std::string_view name = upper;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  if (name == "XFSZ" || name == "RTMIN" || name == "RTMAX") return true;
  for (const std::string_view prefix : {"RTMIN+", "RTMAX-"}) {
    if (name.starts_with(prefix)) {
      const auto offset = parse_uint(name.substr(prefix.size()));
      return offset && *offset >= 1 && *offset <= 15;
    }
  }
  return std::ranges::find(kSignals, name) != kSignals.end();
}

}  // namespace kiln::frontend
