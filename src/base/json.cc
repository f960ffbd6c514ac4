// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

namespace kiln {
namespace {

/// Deep nesting would overflow the stack of the recursive destructor and serialiser.
constexpr int kMaxDepth = 200;

Error wrong_type(const char* key, const char* wanted) {
  return corrupt(std::string("member \"") + key + "\" is not " + wanted);
}

const nlohmann::json* find_member(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

Result<nlohmann::json> member_of_type(const nlohmann::json& object, const char* key,
                                      nlohmann::json::value_t type) {
  const auto* member = find_member(object, key);
  if (member == nullptr) return nlohmann::json(type);
  if (member->type() != type)
    return wrong_type(key, type == nlohmann::json::value_t::object ? "an object" : "a list");
  return *member;
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, std::string_view what) {
  bool too_deep = false;
  const auto limit = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kMaxDepth) too_deep = true;
    return !too_deep;
  };
  try {
    nlohmann::json value = nlohmann::json::parse(text, limit);
    if (too_deep) return corrupt(std::string(what) + ": JSON nests too deeply");
    return value;
  } catch (const nlohmann::json::exception& e) {
    return corrupt(std::string(what) + ": invalid JSON: " + e.what());
  }
}

std::string dump_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::string> json_string(const nlohmann::json& object, const char* key) {
  const auto* member = find_member(object, key);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return wrong_type(key, "a string");
  return member->get<std::string>();
}

Result<std::int64_t> json_int(const nlohmann::json& object, const char* key) {
  const auto* member = find_member(object, key);
  if (member == nullptr) return std::int64_t{0};
  if (!member->is_number_integer()) return wrong_type(key, "a whole number");
  return member->get<std::int64_t>();
}

Result<bool> json_bool(const nlohmann::json& object, const char* key) {
  const auto* member = find_member(object, key);
  if (member == nullptr) return false;
  if (!member->is_boolean()) return wrong_type(key, "a boolean");
  return member->get<bool>();
}

Result<std::optional<std::vector<std::string>>> json_strings(const nlohmann::json& object,
                                                             const char* key) {
  const auto* member = find_member(object, key);
  if (member == nullptr) return std::optional<std::vector<std::string>>();
  if (!member->is_array()) return wrong_type(key, "a list of strings");
  std::vector<std::string> out;
  for (const auto& item : *member) {
    if (!item.is_string()) return wrong_type(key, "a list of strings");
    out.push_back(item.get<std::string>());
  }
  return std::optional(std::move(out));
}

Result<std::map<std::string, std::string>> json_string_map(const nlohmann::json& object,
                                                           const char* key) {
  const nlohmann::json member = TRY(json_object(object, key));
  std::map<std::string, std::string> out;
  for (const auto& [name, ignored] : member.items())
    out[name] = TRY(json_string(member, name.c_str()));
  return out;
}

Result<nlohmann::json> json_object(const nlohmann::json& object, const char* key) {
  return member_of_type(object, key, nlohmann::json::value_t::object);
}
Result<nlohmann::json> json_array(const nlohmann::json& object, const char* key) {
  return member_of_type(object, key, nlohmann::json::value_t::array);
}

}  // namespace kiln
