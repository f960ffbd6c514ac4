// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace kiln::format {

/// Go's fmt over JSON values: strings, booleans, integers (int), floats (float64), null
/// (nil), arrays ([]interface {}) and objects (map[string]interface {}, keys sorted).
using Json = nlohmann::json;

/// Go's name of the type that a value has.
std::string_view type_name(const Json& value);
/// `%v`.
std::string print_value(const Json& value);
/// fmt.Sprint: a space between operands when neither is a string.
std::string sprint(std::span<const Json> values);
/// fmt.Sprintln.
std::string sprintln(std::span<const Json> values);
/// fmt.Sprintf; mistakes show in the text as Go shows them: `%!d(string=x)`, `%!d(MISSING)`.
std::string sprintf(std::string_view format, std::span<const Json> values);

}  // namespace kiln::format
