// SPDX-License-Identifier: Apache-2.0
#include "format/utf8.h"

#include <algorithm>
#include <array>

namespace kiln::format {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Range {
  char32_t first;
  char32_t last;
};

constexpr std::array kUnprintable = {
    Range{0x00, 0x1F},        Range{0x7F, 0xA0},     Range{0xAD, 0xAD},     Range{0x61C, 0x61C},
    Range{0x1680, 0x1680},    Range{0x180E, 0x180E}, Range{0x2000, 0x200F}, Range{0x2028, 0x202F},
    Range{0x205F, 0x206F},    Range{0x3000, 0x3000}, Range{0xD800, 0xF8FF}, Range{0xFDD0, 0xFDEF},
    Range{0xFEFF, 0xFEFF},    Range{0xFFF0, 0xFFFB}, Range{0xFFFE, 0xFFFF}, Range{0xE0000, 0xE00FF},
    Range{0xF0000, 0x10FFFF},
};

constexpr std::array kCombining = {
    Range{0x300, 0x36F},   Range{0x483, 0x489},     Range{0x591, 0x5BD},   Range{0x610, 0x61A},
    Range{0x64B, 0x65F},   Range{0x6D6, 0x6DC},     Range{0x93C, 0x93C},   Range{0x941, 0x948},
    Range{0x94D, 0x94D},   Range{0xE31, 0xE31},     Range{0xE34, 0xE3A},   Range{0xE47, 0xE4E},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF},   Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F},
    Range{0xFE20, 0xFE2F}, Range{0xE0100, 0xE01EF},
};

// Unicode's East_Asian_Width W and F, joined where the gaps hold nothing that is in use.
constexpr std::array kWide = {
    Range{0x1100, 0x115F},   Range{0x231A, 0x231B},   Range{0x2329, 0x232A},
    Range{0x23E9, 0x23EC},   Range{0x23F0, 0x23F0},   Range{0x23F3, 0x23F3},
    Range{0x25FD, 0x25FE},   Range{0x2614, 0x2615},   Range{0x2648, 0x2653},
    Range{0x267F, 0x267F},   Range{0x2693, 0x2693},   Range{0x26A1, 0x26A1},
    Range{0x26AA, 0x26AB},   Range{0x26BD, 0x26BE},   Range{0x26C4, 0x26C5},
    Range{0x26CE, 0x26CE},   Range{0x26D4, 0x26D4},   Range{0x26EA, 0x26EA},
    Range{0x26F2, 0x26F3},   Range{0x26F5, 0x26F5},   Range{0x26FA, 0x26FA},
    Range{0x26FD, 0x26FD},   Range{0x2705, 0x2705},   Range{0x270A, 0x270B},
    Range{0x2728, 0x2728},   Range{0x274C, 0x274C},   Range{0x274E, 0x274E},
    Range{0x2753, 0x2755},   Range{0x2757, 0x2757},   Range{0x2795, 0x2797},
    Range{0x27B0, 0x27B0},   Range{0x27BF, 0x27BF},   Range{0x2B1B, 0x2B1C},
    Range{0x2B50, 0x2B50},   Range{0x2B55, 0x2B55},   Range{0x2E80, 0x303E},
    Range{0x3041, 0x33FF},   Range{0x3400, 0x4DBF},   Range{0x4E00, 0xA4CF},
    Range{0xA960, 0xA97F},   Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
    Range{0xFE10, 0xFE19},   Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},
    Range{0xFFE0, 0xFFE6},   Range{0x16FE0, 0x18AFF}, Range{0x1B000, 0x1B2FF},
    Range{0x1F004, 0x1F004}, Range{0x1F0CF, 0x1F0CF}, Range{0x1F18E, 0x1F18E},
    Range{0x1F191, 0x1F19A}, Range{0x1F200, 0x1F320}, Range{0x1F32D, 0x1F335},
    Range{0x1F337, 0x1F37C}, Range{0x1F37E, 0x1F393}, Range{0x1F3A0, 0x1F3CA},
    Range{0x1F3CF, 0x1F3D3}, Range{0x1F3E0, 0x1F3F0}, Range{0x1F3F4, 0x1F3F4},
    Range{0x1F3F8, 0x1F43E}, Range{0x1F440, 0x1F440}, Range{0x1F442, 0x1F4FC},
    Range{0x1F4FF, 0x1F53D}, Range{0x1F54B, 0x1F567}, Range{0x1F57A, 0x1F57A},
    Range{0x1F595, 0x1F596}, Range{0x1F5A4, 0x1F5A4}, Range{0x1F5FB, 0x1F64F},
    Range{0x1F680, 0x1F6C5}, Range{0x1F6CC, 0x1F6CC}, Range{0x1F6D0, 0x1F6D2},
    Range{0x1F6D5, 0x1F6DF}, Range{0x1F6EB, 0x1F6FC}, Range{0x1F7E0, 0x1F7F0},
    Range{0x1F90C, 0x1F9FF}, Range{0x1FA70, 0x1FAFF}, Range{0x20000, 0x3FFFD},
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t code) {
  const auto after = std::ranges::upper_bound(ranges, code, {}, &Range::first);
  return after != ranges.begin() && code <= std::prev(after)->last;
}

/// Blocks where upper and lower case alternate; true if the upper case is the even code.
bool alternates_from_even(char32_t code) {
  return (code >= 0x100 && code <= 0x12F) || (code >= 0x132 && code <= 0x137) ||
         (code >= 0x14A && code <= 0x177) || (code >= 0x460 && code <= 0x481) ||
         (code >= 0x48A && code <= 0x4BF) || (code >= 0x4D0 && code <= 0x52F) ||
         (code >= 0x1E00 && code <= 0x1E95) || (code >= 0x1EA0 && code <= 0x1EFF);
}
bool alternates_from_odd(char32_t code) {
  return (code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17E) ||
         (code >= 0x4C1 && code <= 0x4CE);
}

}  // namespace

Rune decode_rune(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  const Rune broken{kReplacement, 1, false};
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return broken;
  char32_t code = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return broken;
    code = code << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return broken;
  return {code, size, true};
}

void append_rune(std::string& out, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = kReplacement;
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | code >> 6U);
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

std::size_t count_runes(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(decode_rune(text).size);
  return count;
}

bool is_printable(char32_t code) { return code <= 0x10FFFF && !within(kUnprintable, code); }

int display_width(char32_t code) {
  if (code == 0x3000) return 2;
  if (!is_printable(code) || within(kCombining, code)) return code == 0xA0 ? 1 : 0;
  return within(kWide, code) ? 2 : 1;
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    width += display_width(rune.code);
    text.remove_prefix(rune.size);
  }
  return width;
}

std::string_view take_columns(std::string_view text, int columns) {
  std::size_t end = 0;
  while (end < text.size()) {
    const Rune rune = decode_rune(text.substr(end));
    columns -= display_width(rune.code);
    if (columns < 0) break;
    end += rune.size;
  }
  return text.substr(0, end);
}

char32_t upper_rune(char32_t code) {
  if (code >= 'a' && code <= 'z') return code - 32;
  if (code < 0x80) return code;
  if (code == 0xB5) return 0x39C;
  if (code == 0xFF) return 0x178;
  if (code == 0x131) return 'I';
  if ((code >= 0xE0 && code <= 0xFE && code != 0xF7) || (code >= 0x3B1 && code <= 0x3CB))
    return code == 0x3C2 ? 0x3A3 : code - 32;
  if (code == 0x3AC) return 0x386;
  if (code >= 0x3AD && code <= 0x3AF) return code - 37;
  if (code >= 0x430 && code <= 0x44F) return code - 32;
  if (code >= 0x450 && code <= 0x45F) return code - 80;
  if (code == 0x4CF) return 0x4C0;
  if (code >= 0x561 && code <= 0x586) return code - 48;
  if (alternates_from_even(code)) return code & ~char32_t{1};
  if (alternates_from_odd(code)) return (code & 1U) == 0 ? code - 1 : code;
  return code;
}

char32_t lower_rune(char32_t code) {
  if (code >= 'A' && code <= 'Z') return code + 32;
  if (code < 0x80) return code;
  if (code == 0x130) return 'i';
  if (code == 0x178) return 0xFF;
  if ((code >= 0xC0 && code <= 0xDE && code != 0xD7) || (code >= 0x391 && code <= 0x3AB))
    return code == 0x3A2 ? code : code + 32;
  if (code == 0x386) return 0x3AC;
  if (code >= 0x388 && code <= 0x38A) return code + 37;
  if (code >= 0x410 && code <= 0x42F) return code + 32;
  if (code >= 0x400 && code <= 0x40F) return code + 80;
  if (code == 0x4C0) return 0x4CF;
  if (code >= 0x531 && code <= 0x556) return code + 48;
  if (alternates_from_even(code)) return code | 1U;
  if (alternates_from_odd(code)) return (code & 1U) != 0 ? code + 1 : code;
  return code;
}

}  // namespace kiln::format
