// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln::dockerfile {

/// One code point of UTF-8 text. An invalid byte is a rune of width 1 whose value is no code point
/// (kInvalidByte plus the byte), so that append_rune() restores it.
struct Rune {
  char32_t value = 0;
  std::uint8_t width = 1;
  bool valid = true;
};
inline constexpr char32_t kInvalidByte = 0x110000;

/// `pos` must be inside `text`.
Rune decode_rune(std::string_view text, std::size_t pos);
void append_rune(std::string& out, char32_t value);
/// The offset of the first byte that is not UTF-8 (RFC 3629), or nullopt.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";         // U+FEFF
/// With U+FFFD for each byte that is not UTF-8, as Go reads and writes such text.
std::string to_valid_utf8(std::string_view text);

/// Unicode's White_Space property.
bool is_space(char32_t value);
/// Whether a variable name may have it besides digits and `_`. Exact for ASCII; beyond, everything
/// but the blocks of spaces, punctuation, symbols and emoji.
bool is_letter(char32_t value);
/// ASCII digits only.
bool is_digit(char32_t value);

/// The blanks that separate words of an instruction: tab, vertical tab, form feed, CR and space.
bool is_blank(char byte);
/// Without white space at both ends, by is_space().
std::string_view trim_space(std::string_view text);
std::string_view trim_left_space(std::string_view text);

}  // namespace kiln::dockerfile
