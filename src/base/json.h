// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln {

/// Parses JSON text; kind corrupt, with `what` and the offset, if it is none or nests too deeply.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view what);
/// One line without white space. Bytes that aren't UTF-8 become U+FFFD: JSON can't hold them.
std::string dump_json(const nlohmann::json& value);
/// The same as a text of lines, indented by two.
template <typename Json>
std::string indented_json(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Members of an object. Absent and null are the same; a wrong type is of kind corrupt and names
/// `key`.
Result<std::string> json_string(const nlohmann::json& object, const char* key);
Result<std::int64_t> json_int(const nlohmann::json& object, const char* key);
Result<bool> json_bool(const nlohmann::json& object, const char* key);
Result<std::optional<std::vector<std::string>>> json_strings(const nlohmann::json& object,
                                                             const char* key);
Result<std::map<std::string, std::string>> json_string_map(const nlohmann::json& object,
                                                           const char* key);
/// Object or array of that name; an empty one if it is absent.
Result<nlohmann::json> json_object(const nlohmann::json& object, const char* key);
Result<nlohmann::json> json_array(const nlohmann::json& object, const char* key);

}  // namespace kiln
