// SPDX-License-Identifier: Apache-2.0
#include "format/template_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "format/json_indent.h"
#include "format/json_text.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

using Values = std::span<const Json>;

// A pad or repeat beyond this is a mistake, not a column.
constexpr std::int64_t kMaxPad = 1'000'000;

const std::string& text_of(const Json& value) { return value.get_ref<const std::string&>(); }

template <typename Map>
std::string map_runes(std::string_view text, Map map) {
  std::string out;
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    append_rune(out, map(rune.code));
    text.remove_prefix(rune.size);
  }
  return out;
}

// docker's own.

Result<Json> json(const CallContext& context, Values values) {
  if (context.options.functions == FunctionSet::headers) return values[0];
  const bool escapes = context.first_is_row && context.options.escapes_html_in_row;
  const std::string text = to_json_text(values[0], escapes ? EscapeHtml::yes : EscapeHtml::no);
  if (context.options.json_indent == 0) return Json(text);
  return Json(indent_json(text, std::string(context.options.json_indent, ' ')));
}

Result<Json> lower(const CallContext& context, Values values) {
  if (context.options.functions == FunctionSet::headers) return values[0];
  return Json(map_runes(text_of(values[0]), lower_rune));
}

Result<Json> upper(const CallContext& context, Values values) {
  if (context.options.functions == FunctionSet::headers) return values[0];
  return Json(map_runes(text_of(values[0]), upper_rune));
}

Result<Json> title(const CallContext& context, Values values) {
  if (context.options.functions == FunctionSet::headers) return values[0];
  bool starts_word = true;
  return Json(map_runes(text_of(values[0]), [&](char32_t c) {
    const char32_t out = starts_word ? upper_rune(c) : c;
    const bool ascii_word =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    starts_word = c < 0x80 ? !ascii_word : !is_printable(c);
    return out;
  }));
}

Result<Json> truncate(const CallContext& context, Values values) {
  const auto size = values[1].get<std::int64_t>();
  if (context.options.functions == FunctionSet::headers) return values[0];
  if (size < 0) return invalid_input("slice bounds out of range");
  return Json(text_of(values[0]).substr(0, static_cast<std::size_t>(size)));
}

Result<Json> pad(const CallContext& /*context*/, Values values) {
  const std::string& text = text_of(values[0]);
  const auto before = values[1].get<std::int64_t>();
  const auto after = values[2].get<std::int64_t>();
  if (text.empty()) return values[0];
  if (before < 0 || after < 0) return invalid_input("strings: negative Repeat count");
  if (before > kMaxPad || after > kMaxPad) return invalid_input("pad is too wide");
  return Json(std::string(static_cast<std::size_t>(before), ' ')
                  .append(text)
                  .append(static_cast<std::size_t>(after), ' '));
}

Result<Json> split(const CallContext& /*context*/, Values values) {
  std::string_view text = text_of(values[0]);
  const std::string_view separator = text_of(values[1]);
  Json pieces = Json::array();
  if (separator.empty()) {
    while (!text.empty()) {
      const auto size = decode_rune(text).size;
      pieces.push_back(std::string(text.substr(0, size)));
      text.remove_prefix(size);
    }
    return pieces;
  }
  for (;;) {
    const auto at = text.find(separator);
    pieces.push_back(std::string(text.substr(0, at)));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + separator.size());
  }
}

Result<Json> join(const CallContext& /*context*/, Values values) {
  std::string out;
  bool first = true;
  for (const Json& each : values[0]) {
    if (!first) out.append(text_of(values[1]));
    first = false;
    out.append(print_value(each));
  }
  return Json(out);
}

// Go's comparisons.

enum class Basic { none, nil, boolean, integer, real, text };

Basic basic_of(const Json& value) {
  if (value.is_null()) return Basic::nil;
  if (value.is_boolean()) return Basic::boolean;
  if (value.is_number_integer()) return Basic::integer;
  if (value.is_number_float()) return Basic::real;
  if (value.is_string()) return Basic::text;
  return Basic::none;
}

Error incompatible(const Json& a, const Json& b) {
  return invalid_input(
      fmt::format("incompatible types for comparison: {} and {}", type_name(a), type_name(b)));
}

Result<bool> equal(const Json& a, const Json& b) {
  const Basic left = basic_of(a);
  const Basic right = basic_of(b);
  if (left == Basic::nil || right == Basic::nil) return left == right;
  for (const Json* each : {&a, &b}) {
    if (basic_of(*each) == Basic::none)
      return invalid_input(
          fmt::format("non-comparable type {}: {}", print_value(*each), type_name(*each)));
  }
  if (left != right) return incompatible(a, b);
  return a == b;
}

Result<bool> less(const Json& a, const Json& b) {
  for (const Json* each : {&a, &b}) {
    const Basic kind = basic_of(*each);
    if (kind == Basic::none || kind == Basic::nil || kind == Basic::boolean)
      return invalid_input("invalid type for comparison");
  }
  if (basic_of(a) != basic_of(b)) return incompatible(a, b);
  return a < b;
}

Result<Json> eq(const CallContext& /*context*/, Values values) {
  if (values.size() < 2) return invalid_input("missing argument for comparison");
  for (const Json& other : values.subspan(1)) {
    const bool same = TRY(equal(values[0], other));
    if (same) return Json(true);
  }
  return Json(false);
}

Result<Json> ne(const CallContext& /*context*/, Values values) {
  const bool same = TRY(equal(values[0], values[1]));
  return Json(!same);
}

Result<Json> lt(const CallContext& /*context*/, Values values) {
  const bool is_less = TRY(less(values[0], values[1]));
  return Json(is_less);
}

Result<Json> ge(const CallContext& /*context*/, Values values) {
  const bool is_less = TRY(less(values[0], values[1]));
  return Json(!is_less);
}

Result<Json> gt(const CallContext& /*context*/, Values values) {
  TRY(less(values[0], values[1]));
  const bool is_greater = TRY(less(values[1], values[0]));
  return Json(is_greater);
}

Result<Json> le(const CallContext& /*context*/, Values values) {
  TRY(less(values[0], values[1]));
  const bool is_greater = TRY(less(values[1], values[0]));
  return Json(!is_greater);
}

Result<Json> logical_not(const CallContext& /*context*/, Values values) {
  return Json(!is_true(values[0]));
}

Result<Json> decided_by_caller(const CallContext& /*context*/, Values values) {
  return values.back();
}

// Go's access to containers.

Result<Json> len(const CallContext& /*context*/, Values values) {
  const Json& value = values[0];
  if (value.is_string()) return Json(text_of(value).size());
  if (value.is_structured() || value.is_null()) return Json(value.size());
  return invalid_input(fmt::format("len of type {}", type_name(value)));
}

/// The offset that `index` stands for, at most `limit`.
Result<std::size_t> checked_index(const Json& index, std::size_t limit) {
  if (index.is_null()) return invalid_input("cannot index slice/array with nil");
  if (!index.is_number_integer())
    return invalid_input(fmt::format("cannot index slice/array with type {}", type_name(index)));
  const auto offset = index.get<std::int64_t>();
  if (offset < 0 || static_cast<std::uint64_t>(offset) > limit)
    return invalid_input(fmt::format("index out of range: {}", offset));
  return static_cast<std::size_t>(offset);
}

Result<Json> index_one(const Json& value, const Json& key, bool free_keys) {
  if (value.is_object()) {
    if (key.is_null()) return invalid_input("value is nil; should be of type string");
    if (!key.is_string())
      return invalid_input(fmt::format("value has type {}; should be string", type_name(key)));
    const auto found = value.find(text_of(key));
    if (found != value.end()) return *found;
    return free_keys ? Json("") : Json();
  }
  if (value.is_null()) {
    if (free_keys) return Json("");
    return invalid_input("index of untyped nil");
  }
  if (!value.is_array() && !value.is_string())
    return invalid_input(fmt::format("can't index item of type {}", type_name(value)));
  const std::size_t size = value.is_array() ? value.size() : text_of(value).size();
  const std::size_t offset = TRY(checked_index(key, size));
  if (offset == size) return invalid_input(fmt::format("index out of range: {}", offset));
  if (value.is_array()) return value[offset];
  return Json(static_cast<int>(static_cast<unsigned char>(text_of(value)[offset])));
}

Result<Json> index(const CallContext& context, Values values) {
  Json value = values[0];
  bool free_keys = context.first_has_free_keys;
  for (const Json& key : values.subspan(1)) {
    const bool next_has_free_keys =
        key.is_string() && context.options.map_fields.contains(text_of(key));
    value = TRY(index_one(value, key, free_keys));
    free_keys = next_has_free_keys;
  }
  return value;
}

Result<Json> slice(const CallContext& /*context*/, Values values) {
  const Json& value = values[0];
  if (value.is_null()) return invalid_input("slice of untyped nil");
  if (values.size() > 4)
    return invalid_input(fmt::format("too many slice indexes: {}", values.size() - 1));
  if (!value.is_array() && !value.is_string())
    return invalid_input(fmt::format("can't slice item of type {}", type_name(value)));
  if (value.is_string() && values.size() == 4)
    return invalid_input("cannot 3-index slice a string");
  const std::size_t size = value.is_array() ? value.size() : text_of(value).size();
  std::array<std::size_t, 3> bounds = {0, size, size};
  for (std::size_t i = 1; i < values.size(); ++i)
    bounds[i - 1] = TRY(checked_index(values[i], size));
  const auto [from, to, capacity] = bounds;
  if (from > to) return invalid_input(fmt::format("invalid slice index: {} > {}", from, to));
  if (to > capacity)
    return invalid_input(fmt::format("invalid slice index: {} > {}", to, capacity));
  if (value.is_string()) return Json(text_of(value).substr(from, to - from));
  Json out = Json::array();
  for (std::size_t i = from; i < to; ++i) out.push_back(value[i]);
  return out;
}

// Go's printing and escaping.

Result<Json> print(const CallContext& /*context*/, Values values) { return Json(sprint(values)); }

Result<Json> println(const CallContext& /*context*/, Values values) {
  return Json(sprintln(values));
}

Result<Json> printf(const CallContext& /*context*/, Values values) {
  return Json(sprintf(text_of(values[0]), values.subspan(1)));
}

Result<Json> html(const CallContext& /*context*/, Values values) {
  std::string out;
  for (const char c : sprint(values)) {
    switch (c) {
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '&':
        out.append("&amp;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      case '"':
        out.append("&#34;");
        break;
      case '\0':
        append_rune(out, 0xFFFD);
        break;
      default:
        out.push_back(c);
    }
  }
  return Json(out);
}

Result<Json> js(const CallContext& /*context*/, Values values) {
  const std::string text = sprint(values);
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const Rune rune = decode_rune(rest);
    const char32_t c = rune.code;
    if (c == '\\' || c == '\'' || c == '"') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '<' || c == '>' || c == '&' || c == '=' || !is_printable(c)) {
      out.append(fmt::format("\\u{:04X}", static_cast<unsigned>(c)));
    } else {
      out.append(rest.substr(0, rune.size));
    }
    rest.remove_prefix(rune.size);
  }
  return Json(out);
}

Result<Json> urlquery(const CallContext& /*context*/, Values values) {
  std::string out;
  for (const char c : sprint(values)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-_.~").find(c) != std::string_view::npos;
    if (plain)
      out.push_back(c);
    else if (c == ' ')
      out.push_back('+');
    else
      out.append(fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c))));
  }
  return Json(out);
}

Result<Json> call(const CallContext& /*context*/, Values values) {
  if (values[0].is_null()) return invalid_input("call of nil");
  return invalid_input(fmt::format("non-function of type {}", type_name(values[0])));
}

constexpr std::array kText = {Parameter::text};
constexpr std::array kTextText = {Parameter::text, Parameter::text};
constexpr std::array kTextInteger = {Parameter::text, Parameter::integer};
constexpr std::array kTextIntegers = {Parameter::text, Parameter::integer, Parameter::integer};
constexpr std::array kListText = {Parameter::list, Parameter::text};
constexpr std::span<const Parameter> kAnything;
constexpr std::size_t kMany = Function::kAnyNumber;

constexpr std::array kFunctions = {
    Function{"and", 1, kMany, kAnything, decided_by_caller},
    Function{"call", 1, kMany, kAnything, call},
    Function{"eq", 1, kMany, kAnything, eq},
    Function{"ge", 2, 2, kAnything, ge},
    Function{"gt", 2, 2, kAnything, gt},
    Function{"html", 0, kMany, kAnything, html},
    Function{"index", 1, kMany, kAnything, index},
    Function{"join", 2, 2, kListText, join},
    Function{"js", 0, kMany, kAnything, js},
    Function{"json", 1, 1, kAnything, json},
    Function{"le", 2, 2, kAnything, le},
    Function{"len", 1, 1, kAnything, len},
    Function{"lower", 1, 1, kText, lower},
    Function{"lt", 2, 2, kAnything, lt},
    Function{"ne", 2, 2, kAnything, ne},
    Function{"not", 1, 1, kAnything, logical_not},
    Function{"or", 1, kMany, kAnything, decided_by_caller},
    Function{"pad", 3, 3, kTextIntegers, pad},
    Function{"print", 0, kMany, kAnything, print},
    Function{"printf", 1, kMany, kText, printf},
    Function{"println", 0, kMany, kAnything, println},
    Function{"slice", 1, kMany, kAnything, slice},
    Function{"split", 2, 2, kTextText, split},
    Function{"title", 1, 1, kText, title},
    Function{"truncate", 2, 2, kTextInteger, truncate},
    Function{"upper", 1, 1, kText, upper},
    Function{"urlquery", 0, kMany, kAnything, urlquery},
};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* const found = std::ranges::lower_bound(kFunctions, name, {}, &Function::name);
  return found != kFunctions.end() && found->name == name ? found : nullptr;
}

bool is_true(const Json& value) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !text_of(value).empty();
  return !value.empty();
}

}  // namespace kiln::format
