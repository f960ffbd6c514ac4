// SPDX-License-Identifier: Apache-2.0
#include "format/go_literals.h"

#include <cctype>
#include <charconv>
#include <limits>

#include "format/utf8.h"

namespace kiln::format {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

/// Reads `count` digits of an escape sequence.
std::optional<char32_t> escape_code(std::string_view& rest, std::size_t count, unsigned base) {
  if (rest.size() < count) return std::nullopt;
  char32_t code = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int digit = digit_value(rest[i]);
    if (digit >= static_cast<int>(base)) return std::nullopt;
    code = code * base + static_cast<char32_t>(digit);
  }
  rest.remove_prefix(count);
  return code;
}

/// One `\…` of a Go string or character constant; `rest` starts behind the backslash.
bool unescape(std::string_view& rest, char mark, std::string& out) {
  if (rest.empty()) return false;
  const char c = rest[0];
  constexpr std::string_view kNames = "abfnrtv\\";
  constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\";
  if (const auto known = kNames.find(c); known != std::string_view::npos || c == mark) {
    out.push_back(c == mark ? mark : kBytes[known]);
    rest.remove_prefix(1);
    return true;
  }
  if (c >= '0' && c <= '7') {
    const auto code = escape_code(rest, 3, 8);
    if (!code || *code > 255) return false;
    out.push_back(static_cast<char>(*code));
    return true;
  }
  const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (count == 0) return false;
  rest.remove_prefix(1);
  const auto code = escape_code(rest, count, 16);
  if (!code) return false;
  if (count == 2) {
    out.push_back(static_cast<char>(*code));
    return true;
  }
  if (*code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF)) return false;
  append_rune(out, *code);
  return true;
}

/// An underscore must stand between digits or behind a base prefix.
bool underscores_fit(std::string_view digits, bool prefixed) {
  char before = prefixed ? '0' : '\0';
  for (const char c : digits) {
    if (c == '_' ? !std::isxdigit(static_cast<unsigned char>(before))
                 : before == '_' && !std::isxdigit(static_cast<unsigned char>(c)))
      return false;
    before = c;
  }
  return before != '_';
}

Number float_value(std::string_view digits, bool negative, std::chars_format form) {
  double value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, form);
  if (error != std::errc() || stop != end) return {Number::Problem::syntax, {}};
  return {Number::Problem::none, negative ? -value : value};
}

}  // namespace

std::optional<std::string> unquote(std::string_view source) {
  if (source.starts_with('`')) {
    // Go drops carriage returns from raw strings.
    std::string raw(source.substr(1, source.size() - 2));
    std::erase(raw, '\r');
    return raw;
  }
  std::string out;
  std::string_view rest = source.substr(1, source.size() - 2);
  while (!rest.empty()) {
    const char c = rest[0];
    rest.remove_prefix(1);
    if (c != '\\')
      out.push_back(c);
    else if (!unescape(rest, '"', out))
      return std::nullopt;
  }
  return out;
}

std::optional<nlohmann::json> character_value(std::string_view source) {
  std::string_view rest = source.substr(1, source.size() - 2);
  if (rest.empty()) return std::nullopt;
  if (rest[0] == '\\') {
    rest.remove_prefix(1);
    const bool is_byte = rest.starts_with('x') || (!rest.empty() && digit_value(rest[0]) < 8);
    std::string out;
    if (!unescape(rest, '\'', out) || !rest.empty()) return std::nullopt;
    if (is_byte) return static_cast<int>(static_cast<unsigned char>(out[0]));
    return static_cast<int>(decode_rune(out).code);
  }
  const Rune rune = decode_rune(rest);
  if (rune.size != rest.size()) return std::nullopt;
  return static_cast<int>(rune.code);
}

Number number_value(std::string_view source) {
  std::string_view text = source;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  const bool leading_zero = text.size() > 1 && text[0] == '0';
  const char letter = leading_zero ? static_cast<char>(text[1] | 0x20) : '\0';
  if (letter == 'x' || letter == 'o' || letter == 'b') {
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
    text.remove_prefix(2);
  }
  if (!underscores_fit(text, base != 10)) return {Number::Problem::syntax, {}};
  std::string digits(text);
  std::erase(digits, '_');
  if (base == 16 && digits.find_first_of(".pP") != std::string::npos) {
    // Go wants the exponent of a hexadecimal float to be there.
    if (digits.find_first_of("pP") == std::string::npos) return {Number::Problem::syntax, {}};
    return float_value(digits, negative, std::chars_format::hex);
  }
  if (base == 10 && digits.find_first_of(".eE") != std::string::npos) {
    if (const auto e = digits.find_first_of("eE"); e + 1 < digits.size() && digits[e + 1] == '+')
      digits.erase(e + 1, 1);
    return float_value(digits, negative, std::chars_format::general);
  }
  if (base == 10 && leading_zero) base = 8;
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (error == std::errc::result_out_of_range) return {Number::Problem::overflow, {}};
  if (error != std::errc() || stop != end) return {Number::Problem::syntax, {}};
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value > kMax + (negative ? 1U : 0U)) return {Number::Problem::overflow, {}};
  return {Number::Problem::none, static_cast<std::int64_t>(negative ? ~value + 1 : value)};
}

}  // namespace kiln::format
