// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kiln {

/// What follows the last slash: of a path without one all of it, after a slash at the end nothing.
constexpr std::string_view base_name(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

}  // namespace kiln
