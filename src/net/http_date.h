// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln::net {

/// Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7: IMF-fixdate and the two obsolete forms).
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace kiln::net
