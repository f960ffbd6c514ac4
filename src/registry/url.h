// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kiln::registry {

/// All but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);
/// What a Location header means at `base`, an absolute URL: absolute, or a path at its origin.
std::string resolve_location(std::string_view base, std::string_view location);
/// Adds a parameter to a URL's query.
std::string with_parameter(std::string url, std::string_view name, std::string_view value);

}  // namespace kiln::registry
