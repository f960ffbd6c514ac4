// SPDX-License-Identifier: Apache-2.0
#include "frontend/ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace kiln::frontend {
namespace {

constexpr std::uint64_t kMaxPort = 65535;

constexpr std::array<std::string_view, 33> kSignals = {
    "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",  "HUP",  "ILL",    "INT",   "IO",
    "IOT",  "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV", "STKFLT", "STOP",  "SYS",
    "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH", "XCPU"};

/// `[[ADDRESS:]HOST PORT:]CONTAINER PORT`. An image keeps the last one only.
struct Parts {
  std::string_view address, host, container;
};

Parts split_parts(std::string_view text) {
  Parts out;
  const auto last = text.rfind(':');
  if (last == std::string_view::npos) return {{}, {}, text};
  out.container = text.substr(last + 1);
  out.host = text.substr(0, last);
  const auto before = out.host.rfind(':');
  if (before == std::string_view::npos) return out;
  out.address = out.host.substr(0, before);
  out.host.remove_prefix(before + 1);
  return out;
}

/// A number as Go's strconv.ParseInt takes it.
std::optional<std::uint64_t> parse_port(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto port = parse_uint(text);
  if (!port || *port > kMaxPort) return std::nullopt;
  return port;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(std::string_view text) {
  const auto [first_text, last_text] = split_once(text, '-');
  const auto first = parse_port(first_text);
  const auto last = last_text && *last_text != first_text ? parse_port(*last_text) : first;
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

bool is_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 4 && std::ranges::all_of(parts, [](std::string_view part) {
           const auto number = parse_uint(part);
           return number && *number <= 255 && (part.size() == 1 || !part.starts_with('0'));
         });
}

bool is_ipv6(std::string_view text) {
  std::size_t groups = 0;
  const bool has_gap = text.find("::") != std::string_view::npos;
  if (has_gap && text.find("::", text.find("::") + 1) != std::string_view::npos) return false;
  for (const std::string_view group : split(text, ':')) {
    ++groups;
    if (group.empty()) continue;
    if (group.find('.') != std::string_view::npos) {
      if (group.data() + group.size() != text.data() + text.size() || !is_ipv4(group)) return false;
      ++groups;
    } else if (group.size() > 4 ||
               group.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      return false;
    }
  }
  const bool lone_colon = (text.starts_with(':') && !text.starts_with("::")) ||
                          (text.ends_with(':') && !text.ends_with("::"));
  return !lone_colon && (has_gap ? groups <= 9 : groups == 8);
}

Result<void> check_address(std::string_view text) {
  std::string_view address = text;
  if (address.starts_with('[')) {
    if (!address.ends_with(']'))
      return invalid_input("invalid IP address " + std::string(text) + ": missing ']'");
    address = address.substr(1, address.size() - 2);
  }
  if (address.empty() && text.empty()) return {};
  if (is_ipv4(address) || is_ipv6(address)) return {};
  return invalid_input("invalid IP address: " + std::string(address));
}

}  // namespace

Result<std::vector<std::string>> parse_ports(std::string_view text) {
  const Parts parts = split_parts(text);
  auto [ports, protocol] = split_once(parts.container, '/');
  std::string proto = to_lower(protocol.value_or(""));
  if (ports.empty())
    return invalid_input(fmt::format("invalid port: \"{}\": no port specified", text));
  if (proto.empty()) proto = "tcp";
  if (proto != "tcp" && proto != "udp" && proto != "sctp")
    return invalid_input(fmt::format("invalid port: \"{}\": invalid proto: {}", text, proto));
  TRY(check_address(parts.address));
  const auto range = parse_range(ports);
  if (!range) return invalid_input("invalid containerPort: " + std::string(ports));
  if (!parts.host.empty()) {
    const auto host = parse_range(parts.host);
    if (!host) return invalid_input("invalid hostPort: " + std::string(parts.host));
    const auto length = range->second - range->first;
    if (length != 0 && host->second - host->first != length)
      return invalid_input(fmt::format(
          "invalid ranges specified for container and host Ports: {} and {}", ports, parts.host));
  }
  std::vector<std::string> out;
  for (std::uint64_t port = range->first; port <= range->second; ++port)
    out.push_back(std::to_string(port) + "/" + proto);
  return out;
}

bool is_signal(std::string_view text) {
  // Any whole number but 0, negative ones included, is left to the runtime.
  std::string_view number_text = text;
  if (number_text.starts_with('-') || number_text.starts_with('+')) number_text.remove_prefix(1);
  if (const auto number = parse_uint(number_text))
    return *number != 0 && *number <= std::numeric_limits<std::int64_t>::max();
  const std::string upper = to_upper(text);
  std::string_view name = upper;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  if (name == "XFSZ" || name == "RTMIN" || name == "RTMAX") return true;
  for (const auto& [prefix, most] : {std::pair("RTMIN+", 15U), std::pair("RTMAX-", 14U)}) {
    const std::string_view start = prefix;
    if (!name.starts_with(start)) continue;
    const std::string_view digits = name.substr(start.size());
    const auto offset = parse_uint(digits);
    return offset && *offset >= 1 && *offset <= most && !digits.starts_with('0');
  }
  return std::ranges::find(kSignals, name) != kSignals.end();
}

}  // namespace kiln::frontend
