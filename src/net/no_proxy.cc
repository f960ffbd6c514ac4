// SPDX-License-Identifier: Apache-2.0
#include "net/no_proxy.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "base/strings.h"
#include "net/http.h"
#include "os/ip_address.h"

namespace kiln::net {
namespace {

struct Target {
  std::string_view host;
  std::string_view port;  ///< empty: none is named
};

/// `host:port`, of which either may be in want of the other; an IPv6 address with a port is in
/// brackets.
Target split_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (text.starts_with('[')) {
    const auto end = std::min(text.find(']'), text.size());
    const bool has_port = colon != std::string_view::npos && colon > end;
    return {text.substr(1, end - 1), has_port ? text.substr(colon + 1) : std::string_view()};
  }
  if (colon == std::string_view::npos || text.find(':') != colon) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool same_bits(const os::IpAddress& left, const os::IpAddress& right, std::size_t count) {
  for (std::size_t bit = 0; bit < count; ++bit) {
    if (((left[bit / 8] ^ right[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

bool in_network_of(const os::IpAddress& address, std::string_view network) {
  const auto [base, length] = split_once(network, '/');
  const auto first = os::parse_ip_address(base);
  const auto bits = parse_uint(length.value_or(""));
  const std::size_t most = base.find(':') == std::string_view::npos ? 32 : 128;
  if (!first || !bits || *bits > most) return false;
  return same_bits(address, *first, 128 - most + *bits);
}

bool fits(std::string_view entry, const Target& target,
          const std::optional<os::IpAddress>& address) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string_view::npos) return address && in_network_of(*address, entry);
  auto [host, port] = split_port(entry);
  if (host.empty() || (!port.empty() && port != target.port)) return false;
  if (const auto own = os::parse_ip_address(host)) return address == own;
  if (host.starts_with("*.")) host.remove_prefix(1);
  if (host.starts_with('.')) return target.host.ends_with(host);
  return target.host == host || target.host.ends_with("." + std::string(host));
}

}  // namespace

bool goes_without_proxy(std::string_view url, std::string_view list) {
  const std::string origin = url_origin(url);
  const auto scheme = origin.find("://");
  if (scheme == std::string::npos) return false;
  const Target target = split_port(std::string_view(origin).substr(scheme + 3));
  const auto address = os::parse_ip_address(target.host);
  if (target.host == "localhost") return true;
  if (address && (in_network_of(*address, "127.0.0.0/8") || in_network_of(*address, "::1/128")))
    return true;
  const std::string lower = to_lower(list);
  return std::ranges::any_of(split(lower, ','), [&](std::string_view entry) {
    return fits(trim(entry), target, address);
  });
}

}  // namespace kiln::net
