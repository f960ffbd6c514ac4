// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/key_values.h"

#include "dockerfile/unicode.h"

namespace kiln::dockerfile {

std::vector<std::string_view> split_quoted_words(std::string_view text, char escape) {
  std::vector<std::string_view> words;
  std::size_t pos = 0;
  const auto skip_rune = [&] { pos += decode_rune(text, pos).width; };
  const auto at_space = [&] { return is_space(decode_rune(text, pos).value); };
  while (pos < text.size()) {
    if (at_space()) {
      skip_rune();
      continue;
    }
    const std::size_t begin = pos;
    std::size_t end = text.size();
    char quote = 0;
    while (pos < text.size()) {
      const char c = text[pos];
      if (quote == 0 && at_space()) {
        end = pos;
        break;
      }
      if (c == escape && quote != '\'') {
        // An escape character with nothing behind it escapes nothing.
        if (pos + 1 == text.size()) {
          end = pos++;
          break;
        }
        ++pos;
      } else if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
      skip_rune();
    }
    if (end > begin) words.push_back(text.substr(begin, end - begin));
  }
  return words;
}

}  // namespace kiln::dockerfile
