// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln::format {

/// One code point at the start of a text. Bytes that are no UTF-8 come one at a time as U+FFFD,
/// `valid` false, as in Go.
struct Rune {
  char32_t code = 0;
  std::size_t size = 0;
  bool valid = true;
};
/// `text` must not be empty.
Rune decode_rune(std::string_view text);
void append_rune(std::string& out, char32_t code);
std::size_t count_runes(std::string_view text);

/// Go's unicode.IsPrint, by ranges: controls, separators other than the space, private use,
/// surrogates and the invisible format characters are not printable.
bool is_printable(char32_t code);
/// Columns on a terminal: 0 for combining and unprintable characters, 2 for East Asian wide ones
/// and emoji, else 1.
int display_width(char32_t code);
int display_width(std::string_view text);
/// The longest start of `text` that is at most `columns` wide.
std::string_view take_columns(std::string_view text, int columns);

/// Simple case mapping of Latin, Greek and Cyrillic letters; others stay.
char32_t upper_rune(char32_t code);
char32_t lower_rune(char32_t code);

}  // namespace kiln::format
