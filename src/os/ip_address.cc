// SPDX-License-Identifier: Apache-2.0
#include "os/ip_address.h"

#include <arpa/inet.h>

#include <string>

namespace kiln::os {

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  const std::string terminated(text);
  IpAddress out{};
  if (::inet_pton(AF_INET6, terminated.c_str(), out.data()) == 1) return out;
  out = {};
  out[10] = out[11] = 0xff;
  if (::inet_pton(AF_INET, terminated.c_str(), out.data() + 12) == 1) return out;
  return std::nullopt;
}

}  // namespace kiln::os
