// SPDX-License-Identifier: Apache-2.0
#include "registry/url.h"

#include <fmt/format.h>

namespace kiln::registry {

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string resolve_location(std::string_view base, std::string_view location) {
  if (location.find("://") != std::string_view::npos) return std::string(location);
  const auto host = base.find("://") + 3;
  if (location.starts_with("//"))
    return fmt::format("{}:{}", base.substr(0, base.find(':')), location);
  if (location.starts_with('/')) {
    return fmt::format("{}{}", base.substr(0, base.find_first_of("/?#", host)), location);
  }
  const std::string_view path = base.substr(0, base.find_first_of("?#", host));
  return fmt::format("{}/{}", path.substr(0, std::max(path.rfind('/'), host)), location);
}

std::string with_parameter(std::string url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  return fmt::format("{}{}={}", url, name, percent_encode(value));
}

}  // namespace kiln::registry
