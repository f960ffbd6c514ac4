// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/shell_pattern.h"

#include <algorithm>
#include <optional>

#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

/// Memory for the table of one match: cells are bits.
constexpr std::size_t kMaxCells = std::size_t{1} << 28U;

std::u32string decode(std::string_view text) {
  std::u32string out;
  for (std::size_t pos = 0; pos < text.size();) {
    const Rune rune = decode_rune(text, pos);
    out += rune.value;
    pos += rune.width;
  }
  return out;
}

std::string encode(std::u32string_view text) {
  std::string out;
  for (const char32_t value : text) append_rune(out, value);
  return out;
}

}  // namespace

/// Knows for every place in a value whether the rest of the pattern can match from there, so that a
/// walk along the preferred length never has to turn back.
class ShellPattern::Matcher {
 public:
  static Result<Matcher> create(const std::vector<Token>& tokens, const std::u32string& value) {
    if ((tokens.size() + 1) > kMaxCells / (value.size() + 1)) {
      return invalid_input("pattern and value are too long to be matched");
    }
    return Matcher(tokens, value);
  }

  /// The end of the match that starts at `begin`.
  std::optional<std::size_t> match(std::size_t begin, Length length) const {
    if (!can(0, begin)) return std::nullopt;
    std::size_t at = begin;
    for (std::size_t token = 0; token < tokens_.size(); ++token) {
      if (tokens_[token].kind != Kind::star) {
        ++at;
        continue;
      }
      const auto goes_on = [&] {
        return at < value_.size() && value_[at] != '\n' && can(token, at + 1);
      };
      if (length == Length::longest) {
        while (goes_on()) ++at;
      } else {
        while (!can(token + 1, at)) ++at;
      }
    }
    return at;
  }

 private:
  Matcher(const std::vector<Token>& tokens, const std::u32string& value)
      : tokens_(tokens), value_(value), can_((tokens.size() + 1) * (value.size() + 1)) {
    for (std::size_t at = 0; at <= value_.size(); ++at) set(tokens_.size(), at, true);
    for (std::size_t token = tokens_.size(); token-- > 0;) {
      for (std::size_t at = value_.size() + 1; at-- > 0;) set(token, at, step(token, at));
    }
  }

  bool step(std::size_t token, std::size_t at) const {
    const auto [kind, wanted] = tokens_[token];
    const bool more = at < value_.size();
    switch (kind) {
      case Kind::literal:
        return more && value_[at] == wanted && can(token + 1, at + 1);
      case Kind::any:
        return more && value_[at] != '\n' && can(token + 1, at + 1);
      case Kind::star:
        return can(token + 1, at) || (more && value_[at] != '\n' && can(token, at + 1));
    }
    return false;
  }

  bool can(std::size_t token, std::size_t at) const {
    return can_[token * (value_.size() + 1) + at];
  }
  void set(std::size_t token, std::size_t at, bool value) {
    can_[token * (value_.size() + 1) + at] = value;
  }

  const std::vector<Token>& tokens_;
  const std::u32string& value_;
  std::vector<bool> can_;
};

Result<ShellPattern> ShellPattern::parse(std::string_view pattern) {
  ShellPattern result;
  const std::u32string runes = decode(pattern);
  for (std::size_t i = 0; i < runes.size(); ++i) {
    const char32_t rune = runes[i];
    if (rune == '*') {
      result.tokens_.push_back({Kind::star, 0});
    } else if (rune == '?') {
      result.tokens_.push_back({Kind::any, 0});
    } else if (rune != '\\') {
      result.tokens_.push_back({Kind::literal, rune});
    } else {
      const char32_t next = i + 1 < runes.size() ? runes[++i] : 0;
      if (next == 0 || std::u32string_view(U"*?\\/}").find(next) == std::u32string_view::npos) {
        std::string escaped = "\\";
        if (next != 0) append_rune(escaped, next);
        return invalid_input("invalid pattern (" + std::string(pattern) +
                             ") in substitution: invalid escape '" + escaped + "'");
      }
      result.tokens_.push_back({Kind::literal, next});
    }
  }
  return result;
}

Result<std::string> ShellPattern::remove_prefix(std::string_view value, Length length) const {
  const std::u32string runes = decode(value);
  const Matcher matcher = TRY(Matcher::create(tokens_, runes));
  const auto end = matcher.match(0, length);
  if (!end) return std::string(value);
  return encode(std::u32string_view(runes).substr(*end));
}

Result<std::string> ShellPattern::remove_suffix(std::string_view value, Length length) const {
  // From the right, so that the walk goes by the preferred length as it does for a prefix.
  std::u32string runes = decode(value);
  std::reverse(runes.begin(), runes.end());
  const std::vector<Token> tokens(tokens_.rbegin(), tokens_.rend());
  const Matcher matcher = TRY(Matcher::create(tokens, runes));
  const auto end = matcher.match(0, length);
  if (!end) return std::string(value);
  runes.erase(0, *end);
  std::reverse(runes.begin(), runes.end());
  return encode(runes);
}

namespace {

/// `$0` and `${0}` of a replacement are the match, `$$` is `$`, and any other `$name` or `${name}`
/// is nothing: BuildKit hands what replaces all occurrences to Go's Regexp.ReplaceAllString.
std::string fill_template(std::string_view text, std::string_view match) {
  std::string out;
  while (!text.empty()) {
    const auto dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    std::string_view rest = text;
    const bool braced = rest.starts_with('{');
    if (braced) rest.remove_prefix(1);
    std::size_t length = 0;
    while (length < rest.size()) {
      const Rune rune = decode_rune(rest, length);
      if (!is_letter(rune.value) && !is_digit(rune.value) && rune.value != '_') break;
      length += rune.width;
    }
    const std::string_view name = rest.substr(0, length);
    rest.remove_prefix(length);
    if (name.empty() || (braced && !rest.starts_with('}'))) {
      out += '$';
      continue;
    }
    if (braced) rest.remove_prefix(1);
    if (name == "0") out += match;
    text = rest;
  }
  return out;
}

}  // namespace

Result<std::string> ShellPattern::replace(std::string_view value, std::string_view replacement,
                                          Occurrences occurrences) const {
  const std::u32string runes = decode(value);
  const Matcher matcher = TRY(Matcher::create(tokens_, runes));
  std::string out;
  bool replaced = false;
  std::optional<std::size_t> last_end;
  std::size_t at = 0;
  while (at <= runes.size()) {
    const bool wanted = occurrences == Occurrences::all || !replaced;
    const auto end = wanted ? matcher.match(at, Length::longest) : std::nullopt;
    // An empty match right behind another match does not count.
    if (end && (*end > at || last_end != at)) {
      out += occurrences == Occurrences::first
                 ? std::string(replacement)
                 : fill_template(replacement,
                                 encode(std::u32string_view(runes).substr(at, *end - at)));
      replaced = true;
      last_end = end;
      if (*end > at) {
        at = *end;
        continue;
      }
    }
    if (at < runes.size()) append_rune(out, runes[at]);
    ++at;
  }
  return out;
}

}  // namespace kiln::dockerfile
