// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kiln::dockerfile {

/// One step of a path pattern.
struct GlobToken {
  enum class Kind : unsigned char {
    literal,      ///< this rune
    any,          ///< `?`: one rune but `/`
    char_class,   ///< `[a-z]`, `[^a-z]`: one rune, `/` too
    star,         ///< `*`: any runes but `/`
    directories,  ///< `**` or `**/` before more: nothing, or anything that ends in `/`
    rest,         ///< `**` at the end: anything
  };
  Kind kind = Kind::literal;
  bool negated = false;
  char32_t value = 0;
  std::vector<std::pair<char32_t, char32_t>> ranges;

  /// For the kinds that take exactly one rune.
  bool matches_rune(char32_t rune) const;
};

enum class DoubleStar {
  two_stars,    ///< as in Go's filepath.Match
  directories,  ///< as in ignore patterns
};

/// Fails on what Go's filepath.Match calls a bad pattern: brackets that do not close or are empty,
/// a `\` at the end.
Result<std::vector<GlobToken>> parse_glob(std::string_view pattern, DoubleStar double_star);

std::vector<char32_t> path_runes(std::string_view path);

}  // namespace kiln::dockerfile
