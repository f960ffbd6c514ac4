// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace kiln::format {

/// The value of a string literal of Go's, `"…"` with escapes or raw between backquotes; nullopt for
/// a wrong escape. `source` has its marks.
std::optional<std::string> unquote(std::string_view source);
/// The code of a rune literal, `'x'`; nullopt if it isn't one. `source` has its marks.
std::optional<nlohmann::json> character_value(std::string_view source);

/// A number literal's value, an integer or a float, with its sign.
struct Number {
  enum class Problem { none, syntax, overflow } problem = Problem::none;
  nlohmann::json value;
};
Number number_value(std::string_view source);

}  // namespace kiln::format
