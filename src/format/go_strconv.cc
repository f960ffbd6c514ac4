// SPDX-License-Identifier: Apache-2.0
#include "format/go_strconv.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "base/strings.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

// From this exponent on, strconv writes the shortest form of `g` as `e`.
constexpr int kShortestExponent = 6;

std::string shortest(double value, std::chars_format form) {
  std::array<char, 400> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, form);
  return {buffer.data(), end.ptr};
}

std::string with_precision(const char* format, int precision, double value) {
  const int size = std::snprintf(nullptr, 0, format, precision, value);
  std::string out(static_cast<std::size_t>(size), '\0');
  std::snprintf(out.data(), out.size() + 1, format, precision, value);
  return out;
}

int exponent_of(std::string_view scientific) {
  int exponent = 0;
  auto digits = scientific.substr(scientific.find('e') + 1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  return exponent;
}

}  // namespace

std::string quote(std::string_view text, QuoteStyle style) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    const char32_t c = rune.code;
    if (!rune.valid) {
      out.append(
          fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(text[0]))));
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (const auto known = std::u32string_view(U"\a\b\f\n\r\t\v").find(c);
               known != std::u32string_view::npos) {
      out.push_back('\\');
      out.push_back("abfnrtv"[known]);
    } else if (is_printable(c) && (c < 0x80 || style == QuoteStyle::unicode)) {
      out.append(text.substr(0, rune.size));
    } else if (c < 0x20 || c == 0x7F) {
      out.append(fmt::format("\\x{:02x}", static_cast<unsigned>(c)));
    } else if (c < 0x10000) {
      out.append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
    } else {
      out.append(fmt::format("\\U{:08x}", static_cast<unsigned>(c)));
    }
    text.remove_prefix(rune.size);
  }
  return out.append("\"");
}

std::string format_float(double value, char verb, int precision) {
  std::string out;
  switch (verb) {
    case 'e':
    case 'E':
      out = precision < 0 ? shortest(value, std::chars_format::scientific)
                          : with_precision("%.*e", precision, value);
      break;
    case 'f':
    case 'F':
      out = precision < 0 ? shortest(value, std::chars_format::fixed)
                          : with_precision("%.*f", precision, value);
      break;
    case 'x':
    case 'X': {
      out = precision < 0 ? with_precision("%.*a", 13, value)
                          : with_precision("%.*a", precision, value);
      const auto p = out.find('p');
      std::string mantissa = out.substr(0, p);
      if (precision < 0) {
        mantissa.erase(mantissa.find_last_not_of('0') + 1);
        if (mantissa.ends_with('.')) mantissa.pop_back();
      }
      std::string exponent = out.substr(p);
      if (exponent.size() == 3) exponent.insert(2, 1, '0');
      out = mantissa + exponent;
      break;
    }
    default:
      if (precision >= 0) {
        out = with_precision("%.*g", precision, value);
      } else {
        out = shortest(value, std::chars_format::scientific);
        const int exponent = exponent_of(out);
        if (exponent >= -4 && exponent < kShortestExponent)
          out = shortest(value, std::chars_format::fixed);
      }
  }
  if (verb == 'E' || verb == 'G' || verb == 'X') out = to_upper(std::string_view(out));
  return out;
}

}  // namespace kiln::format
