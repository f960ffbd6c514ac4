// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "format/json_text.h"

/// JSON as Go's encoding/json writes it, byte by byte: digests are made of it.
namespace kiln::cache {

inline std::string go_json_string(std::string_view text) {
  return format::to_json_text(nlohmann::json(std::string(text)), format::EscapeHtml::yes);
}

/// An object, its members in the order in which they are added.
class JsonText {
 public:
  JsonText& raw(std::string_view name, std::string_view value) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_ += name;
    text_ += "\":";
    text_ += value;
    return *this;
  }
  JsonText& field(std::string_view name, std::string_view value) {
    return raw(name, go_json_string(value));
  }
  JsonText& field(std::string_view name, std::int64_t value) {
    return raw(name, std::to_string(value));
  }
  /// A member that is there only if it is set.
  JsonText& flag(std::string_view name, bool value) { return value ? raw(name, "true") : *this; }
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

class JsonList {
 public:
  JsonList& raw(std::string_view value) {
    if (text_.size() > 1) text_ += ',';
    text_ += value;
    return *this;
  }
  JsonList& add(std::string_view value) { return raw(go_json_string(value)); }
  std::string text() const { return text_ + "]"; }
  bool empty() const { return text_.size() == 1; }

 private:
  std::string text_ = "[";
};

}  // namespace kiln::cache
