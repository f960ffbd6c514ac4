// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/glob_tokens.h"

#include <algorithm>
#include <string>

#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

class GlobParser {
 public:
  GlobParser(std::string_view pattern, DoubleStar double_star)
      : pattern_(pattern), runes_(path_runes(pattern)), double_star_(double_star) {}

  Result<std::vector<GlobToken>> run() {
    std::vector<GlobToken> tokens;
    while (pos_ < runes_.size()) {
      GlobToken token;
      const char32_t rune = runes_[pos_++];
      if (rune == '*') {
        token.kind = star_kind();
      } else if (rune == '?') {
        token.kind = GlobToken::Kind::any;
      } else if (rune == '[') {
        token = TRY(char_class());
      } else if (rune == '\\') {
        if (pos_ == runes_.size()) return bad_pattern();
        token.value = runes_[pos_++];
      } else {
        token.value = rune;
      }
      tokens.push_back(std::move(token));
    }
    return tokens;
  }

 private:
  Error bad_pattern() const {
    return invalid_input("syntax error in pattern \"" + std::string(pattern_) + "\"");
  }

  bool at(char32_t rune) const { return pos_ < runes_.size() && runes_[pos_] == rune; }

  GlobToken::Kind star_kind() {
    if (double_star_ == DoubleStar::two_stars || !at('*')) return GlobToken::Kind::star;
    ++pos_;
    if (at('/')) ++pos_;
    return pos_ == runes_.size() ? GlobToken::Kind::rest : GlobToken::Kind::directories;
  }

  Result<GlobToken> char_class() {
    GlobToken token;
    token.kind = GlobToken::Kind::char_class;
    if (at('^')) {
      token.negated = true;
      ++pos_;
    }
    while (token.ranges.empty() || !at(']')) {
      const char32_t low = TRY(class_rune());
      char32_t high = low;
      if (at('-')) {
        ++pos_;
        high = TRY(class_rune());
      }
      // filepath.Match lets an empty range pass, the regular expressions of ignore patterns do not.
      if (low > high && double_star_ == DoubleStar::directories) return bad_pattern();
      token.ranges.emplace_back(low, high);
    }
    ++pos_;
    return token;
  }

  Result<char32_t> class_rune() {
    if (pos_ == runes_.size() || at('-') || at(']')) return bad_pattern();
    if (at('\\') && ++pos_ == runes_.size()) return bad_pattern();
    return runes_[pos_++];
  }

  std::string_view pattern_;
  std::vector<char32_t> runes_;
  DoubleStar double_star_;
  std::size_t pos_ = 0;
};

}  // namespace

bool GlobToken::matches_rune(char32_t rune) const {
  switch (kind) {
    case Kind::literal:
      return rune == value;
    case Kind::any:
      return rune != '/';
    case Kind::char_class:
      return negated != std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
               return rune >= range.first && rune <= range.second;
             });
    default:
      return false;
  }
}

Result<std::vector<GlobToken>> parse_glob(std::string_view pattern, DoubleStar double_star) {
  return GlobParser(pattern, double_star).run();
}

std::vector<char32_t> path_runes(std::string_view path) {
  std::vector<char32_t> runes;
  runes.reserve(path.size());
  for (std::size_t pos = 0; pos < path.size();) {
    const Rune rune = decode_rune(path, pos);
    runes.push_back(rune.value);
    pos += rune.width;
  }
  return runes;
}

}  // namespace kiln::dockerfile
