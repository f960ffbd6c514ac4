// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

namespace kiln {
namespace {

/// Deep nesting would overflow the stack of the recursive destructor and serialiser.
constexpr std::size_t kMaxDepth = 200;

/// Builds a value from what the parser sees. The library's own way to stop a parse, a callback,
/// looks through all of an array or object after each thing in it.
class ValueBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  using Json = nlohmann::json;

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(Json::number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(Json::number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(Json::number_float_t value, const std::string&) override {
    return add(value) != nullptr;
  }
  bool string(std::string& value) override { return add(std::move(value)) != nullptr; }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    member_ = &open_.back()->get_ref<Json::object_t&>()[std::move(name)];
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    error_ = std::string("invalid JSON: ") + error.what();
    return false;
  }

  Json& value() { return value_; }
  const std::string& error() const { return error_; }

 private:
  template <typename Value>
  Json* add(Value&& value) {
    if (open_.empty()) {
      value_ = Json(std::forward<Value>(value));
      return &value_;
    }
    if (open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<Json::array_t&>();
      return &array.emplace_back(std::forward<Value>(value));
    }
    *member_ = Json(std::forward<Value>(value));
    return member_;
  }
  bool open(Json&& empty) {
    if (open_.size() == kMaxDepth) {
      error_ = "JSON nests too deeply";
      return false;
    }
    open_.push_back(add(std::move(empty)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json value_;
  std::vector<Json*> open_;  ///< the innermost last
  Json* member_ = nullptr;   ///< of the innermost object, which the next value is for
  std::string error_;
};

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
  // The library passes over it, others don't.
  if (text.starts_with("\xEF\xBB\xBF"))
    return corrupt(std::string(what) + ": invalid JSON: a byte order mark before it");
  ValueBuilder builder;
  if (!nlohmann::json::sax_parse(text, &builder))
    return corrupt(std::string(what) + ": " + builder.error());
  return std::move(builder.value());
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
