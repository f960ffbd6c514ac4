// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/unicode.h"

#include <algorithm>
#include <iterator>

namespace kiln::dockerfile {
namespace {

struct Block {
  char32_t first;
  char32_t last;
};

// Sorted: what is beyond ASCII and cannot be a part of a word of any language.
constexpr Block kNotLetters[] = {
    {0x80, 0xA9},         {0xAB, 0xB4},       {0xB6, 0xB9},       {0xBB, 0xBF},
    {0xD7, 0xD7},         {0xF7, 0xF7},       {0x300, 0x36F},     {0x1680, 0x1680},
    {0x2000, 0x2070},     {0x2072, 0x207E},   {0x2080, 0x208F},   {0x20A0, 0x2101},
    {0x2190, 0x2BFF},     {0x2E00, 0x2E2E},   {0x2E30, 0x3004},   {0x3007, 0x3030},
    {0x3036, 0x303A},     {0x303D, 0x3040},   {0xE000, 0xF8FF},   {0xFE00, 0xFE6F},
    {0xFEFF, 0xFEFF},     {0xFF00, 0xFF20},   {0xFF3B, 0xFF40},   {0xFF5B, 0xFF65},
    {0xFFE0, 0xFFFF},     {0x1D000, 0x1D3FF}, {0x1F000, 0x1FFFF}, {0xE0000, 0x10FFFF},
    {0x110000, 0x1100FF},
};

}  // namespace

Rune decode_rune(std::string_view text, std::size_t pos) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return pos + i < text.size() ? static_cast<unsigned char>(text[pos + i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const Rune invalid{kInvalidByte + lead, 1, false};
  const unsigned length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return invalid;
  char32_t value = lead & (0xFFU >> (length + 1));
  for (unsigned i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return invalid;
    value = value << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return invalid;
  return {value, static_cast<std::uint8_t>(length), true};
}

void append_rune(std::string& out, char32_t value) {
  const auto put = [&](char32_t bits) {
    out += static_cast<char>(static_cast<unsigned char>(bits));
  };
  if (value >= kInvalidByte) {
    put(value - kInvalidByte);
  } else if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0U | value >> 6U);
    put(0x80U | (value & 0x3FU));
  } else if (value < 0x10000) {
    put(0xE0U | value >> 12U);
    put(0x80U | (value >> 6U & 0x3FU));
    put(0x80U | (value & 0x3FU));
  } else {
    put(0xF0U | value >> 18U);
    put(0x80U | (value >> 12U & 0x3FU));
    put(0x80U | (value >> 6U & 0x3FU));
    put(0x80U | (value & 0x3FU));
  }
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t pos = 0; pos < text.size();) {
    const Rune rune = decode_rune(text, pos);
    if (!rune.valid) return pos;
    pos += rune.width;
  }
  return std::nullopt;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (const auto invalid = find_invalid_utf8(text)) {
    out += text.substr(0, *invalid);
    out += kReplacementCharacter;
    text.remove_prefix(*invalid + 1);
  }
  out += text;
  return out;
}

bool is_space(char32_t value) {
  return (value >= '\t' && value <= '\r') || value == ' ' || value == 0x85 || value == 0xA0 ||
         value == 0x1680 || (value >= 0x2000 && value <= 0x200A) || value == 0x2028 ||
         value == 0x2029 || value == 0x202F || value == 0x205F || value == 0x3000;
}

bool is_letter(char32_t value) {
  if (value < 0x80) return (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z');
  const auto* after = std::upper_bound(std::begin(kNotLetters), std::end(kNotLetters), value,
                                       [](char32_t v, const Block& b) { return v < b.first; });
  return after == std::begin(kNotLetters) || value > std::prev(after)->last;
}

bool is_digit(char32_t value) { return value >= '0' && value <= '9'; }

bool is_blank(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\v' || byte == '\f' || byte == '\r';
}

std::string_view trim_left_space(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = decode_rune(text, 0);
    if (!is_space(rune.value)) break;
    text.remove_prefix(rune.width);
  }
  return text;
}

std::string_view trim_space(std::string_view text) {
  text = trim_left_space(text);
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 &&
           (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) {
      --start;
    }
    const Rune rune = decode_rune(text, start);
    if (!is_space(rune.value) || start + rune.width != text.size()) break;
    text.remove_suffix(rune.width);
  }
  return text;
}

}  // namespace kiln::dockerfile
