// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/command_line.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

/// Takes the strings of the outermost array.
class StringArrayHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<JsonItem> items;
  bool only_strings = true;

  bool null() override { return other(); }
  bool boolean(bool /*value*/) override { return other(); }
  bool number_integer(number_integer_t /*value*/) override { return other(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return other(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return other(); }
  bool binary(binary_t& /*value*/) override { return other(); }
  bool string(string_t& value) override {
    if (depth_ == 1) items.push_back({std::move(value), {}});
    return true;
  }
  bool start_object(std::size_t /*elements*/) override { return nested(); }
  bool key(string_t& /*value*/) override { return true; }
  bool end_object() override { return end(); }
  bool start_array(std::size_t /*elements*/) override {
    return depth_ == 0 ? ++depth_ > 0 : nested();
  }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  bool other() {
    only_strings = false;
    return true;
  }
  bool nested() {
    ++depth_;
    return other();
  }
  bool end() {
    --depth_;
    return true;
  }

  int depth_ = 0;
};

/// Finds the literals of an array that is known to be valid and to hold strings only.
void find_literals(std::string_view text, std::vector<JsonItem>& items) {
  std::size_t pos = 0;
  for (auto& item : items) {
    const std::size_t begin = text.find('"', pos);
    std::size_t end = begin + 1;
    while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    pos = end + 1;
    item.literal = text.substr(begin, pos - begin);
  }
}

/// The code unit of `\uXXXX` at the start of `text`.
std::optional<unsigned> escaped_unit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  unsigned unit = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  if (error != std::errc() || end != text.data() + 6) return std::nullopt;
  return unit;
}

/// Half of a surrogate pair becomes U+FFFD, as Go reads it; nlohmann's parser refuses it.
std::string without_lone_surrogates(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text[0] != '\\') {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    const auto unit = escaped_unit(text);
    if (!unit) {
      out += text.substr(0, 2);
      text.remove_prefix(std::min<std::size_t>(2, text.size()));
      continue;
    }
    const auto next = escaped_unit(text.substr(6));
    const bool high = *unit >= 0xD800 && *unit < 0xDC00;
    const bool low = *unit >= 0xDC00 && *unit < 0xE000;
    const std::size_t length = high && next && *next >= 0xDC00 && *next < 0xE000 ? 12 : 6;
    out += (high || low) && length == 6 ? "\\ufffd" : text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

JsonArray parse_json_array(std::string_view text) {
  text = trim_left_space(text);
  JsonArray array;
  if (!text.starts_with('[')) return array;
  StringArrayHandler handler;
  const bool has_units = text.find("\\u") != std::string_view::npos;
  if (!nlohmann::json::sax_parse(has_units ? without_lone_surrogates(text) : std::string(text),
                                 &handler)) {
    return array;
  }
  if (!handler.only_strings) {
    array.form = JsonForm::mixed;
    return array;
  }
  array.form = JsonForm::strings;
  array.items = std::move(handler.items);
  find_literals(text, array.items);
  return array;
}

}  // namespace kiln::dockerfile
