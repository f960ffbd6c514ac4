// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::dockerfile {

/// The patterns of ${x#p} and its like: `*` any characters, `?` any one (neither a line end), `\`
/// before `*`, `?` and `\` takes it literally; `\/` and `\}` mean the character. Brackets are plain
/// characters.
class ShellPattern {
 public:
  static Result<ShellPattern> parse(std::string_view pattern);

  enum class Length { shortest, longest };
  /// `value` without the part at its start (its end) that matches; unchanged if none does.
  Result<std::string> remove_prefix(std::string_view value, Length length) const;
  Result<std::string> remove_suffix(std::string_view value, Length length) const;

  enum class Occurrences { first, all };
  /// `value` with the longest leftmost match, or every one, replaced. Of what replaces every one,
  /// `$0` is the match, `$$` a dollar and other `$name` nothing.
  Result<std::string> replace(std::string_view value, std::string_view replacement,
                              Occurrences occurrences) const;

 private:
  enum class Kind : unsigned char { literal, any, star };
  struct Token {
    Kind kind;
    char32_t value;
  };
  class Matcher;

  std::vector<Token> tokens_;
};

}  // namespace kiln::dockerfile
