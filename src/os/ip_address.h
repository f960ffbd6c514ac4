// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln::os {

/// The bytes of an address; one of IPv4 is written as IPv6 has it, ::ffff:a.b.c.d.
using IpAddress = std::array<std::uint8_t, 16>;

/// nullopt if `text` is no address.
std::optional<IpAddress> parse_ip_address(std::string_view text);

}  // namespace kiln::os
