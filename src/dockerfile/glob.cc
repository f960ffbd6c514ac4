// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/glob.h"

#include <optional>

namespace kiln::dockerfile {

Result<Glob> Glob::parse(std::string_view pattern) {
  auto tokens = TRY(parse_glob(pattern, DoubleStar::two_stars));
  return Glob(std::move(tokens));
}

bool Glob::matches(std::string_view path) const {
  const auto runes = path_runes(path);
  std::size_t token = 0;
  std::size_t at = 0;
  // Where the last star is and what it has taken so far: only that one is ever taken back.
  std::optional<std::size_t> star;
  std::size_t star_end = 0;
  for (;;) {
    if (token < tokens_.size() && tokens_[token].kind == GlobToken::Kind::star) {
      star = token++;
      star_end = at;
      continue;
    }
    if (token == tokens_.size() && at == runes.size()) return true;
    if (token < tokens_.size() && at < runes.size() && tokens_[token].matches_rune(runes[at])) {
      ++token;
      ++at;
      continue;
    }
    if (!star || star_end == runes.size() || runes[star_end] == '/') return false;
    at = ++star_end;
    token = *star + 1;
  }
}

Result<bool> glob_match(std::string_view pattern, std::string_view path) {
  const Glob glob = TRY(Glob::parse(pattern));
  return glob.matches(path);
}

bool has_glob_characters(std::string_view path) {
  return path.find_first_of("*?[\\") != std::string_view::npos;
}

std::string escape_glob(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (has_glob_characters(std::string_view(&c, 1))) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace kiln::dockerfile
