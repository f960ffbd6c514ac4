// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace kiln::format {

/// Go's fmt and strconv over JSON values: strings, booleans, integers (int), floats (float64), null
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

enum class QuoteStyle { unicode, ascii };
/// strconv.Quote, or QuoteToASCII.
std::string quote(std::string_view text, QuoteStyle style = QuoteStyle::unicode);
/// strconv.FormatFloat for verbs e E f F g G x; precision -1 is the shortest that reads back.
std::string format_float(double value, char verb, int precision);

}  // namespace kiln::format
