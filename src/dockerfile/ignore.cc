// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/ignore.h"

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

using Kind = GlobToken::Kind;

/// The places in a pattern that a match has reached, after some part of a path.
class States {
 public:
  explicit States(const std::vector<GlobToken>& tokens)
      : tokens_(tokens), member_(tokens.size() + 1, 0) {
    add(0);
  }

  /// False once no continuation can match.
  bool step(char32_t rune) {
    before_.swap(current_);
    current_.clear();
    ++generation_;
    for (const std::size_t state : before_) {
      if (state == tokens_.size()) continue;
      const GlobToken& token = tokens_[state];
      if (token.kind == Kind::directories) {
        stay(state);
        if (rune == '/') add(state + 1);
      } else if (token.kind == Kind::rest || (token.kind == Kind::star && rune != '/')) {
        add(state);
      } else if (token.matches_rune(rune)) {
        add(state + 1);
      }
    }
    return !current_.empty();
  }

  bool accepts() const { return has(tokens_.size()); }
  bool can_go_on() const {
    return std::any_of(current_.begin(), current_.end(),
                       [&](std::size_t state) { return state < tokens_.size(); });
  }

 private:
  bool has(std::size_t state) const { return member_[state] == generation_; }

  /// Inside the directories that `**` takes: what follows it is not reached before a slash.
  void stay(std::size_t state) {
    if (std::find(current_.begin(), current_.end(), state) == current_.end()) {
      current_.push_back(state);
    }
  }

  void add(std::size_t state) {
    for (; !has(state); ++state) {
      member_[state] = generation_;
      current_.push_back(state);
      if (state == tokens_.size()) return;
      const Kind kind = tokens_[state].kind;
      if (kind != Kind::star && kind != Kind::directories && kind != Kind::rest) return;
    }
  }

  const std::vector<GlobToken>& tokens_;
  std::vector<std::size_t> current_;
  std::vector<std::size_t> before_;
  /// The generation that a state was added in.
  std::vector<std::size_t> member_;
  std::size_t generation_ = 1;
};

}  // namespace

std::string clean_path(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string> kept;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    const bool up = part == "..";
    if (up && !kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!up || !rooted) {
      kept.emplace_back(part);
    }
  }
  const std::string cleaned = (rooted ? "/" : "") + join(kept, "/");
  return cleaned.empty() ? "." : cleaned;
}

std::vector<std::string> parse_ignore_file(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> patterns;
  for (std::string_view line : split(text, '\n')) {
    if (line.starts_with('#')) continue;
    line = trim_space(line);
    if (line.empty()) continue;
    const bool exception = line.starts_with('!');
    if (exception) line = trim_space(line.substr(1));
    std::string pattern;
    if (!line.empty()) pattern = clean_path(line);
    if (pattern.size() > 1 && pattern.starts_with('/')) pattern.erase(0, 1);
    patterns.push_back((exception ? "!" : "") + pattern);
  }
  return patterns;
}

Result<IgnorePatterns> IgnorePatterns::create(const std::vector<std::string>& patterns) {
  IgnorePatterns result;
  for (const std::string& raw : patterns) {
    const std::string_view trimmed = trim_space(raw);
    if (trimmed.empty()) continue;
    Pattern pattern = TRY(compile(clean_path(trimmed)));
    result.patterns_.push_back(std::move(pattern));
  }
  return result;
}

Result<IgnorePatterns::Pattern> IgnorePatterns::compile(std::string_view text) {
  Pattern pattern;
  if (text.starts_with('!')) {
    pattern.exception = true;
    text.remove_prefix(1);
    if (text.empty()) return invalid_input("illegal exclusion pattern: \"!\"");
  }
  pattern.tokens = TRY(parse_glob(text, DoubleStar::directories));

  const auto is_special = [](const GlobToken& token) { return token.kind != Kind::literal; };
  const auto specials = std::count_if(pattern.tokens.begin(), pattern.tokens.end(), is_special);
  const bool escaped = text.find('\\') != std::string_view::npos;
  if (specials == 0 && !escaped) {
    pattern.text = text;
  } else if (specials == 1 && !escaped && text.starts_with("**")) {
    // `**name` is any path that ends in name, whereas `**name*` starts at a directory's begin.
    pattern.shape = Pattern::Shape::suffix;
    pattern.text = text.substr(2);
  } else if (specials == 1 && !escaped && text.ends_with("**")) {
    pattern.shape = Pattern::Shape::prefix;
    pattern.text = text.substr(0, text.size() - 2);
  } else {
    pattern.shape = Pattern::Shape::general;
    const auto& tokens = pattern.tokens;
    const auto first = std::find_if(tokens.begin(), tokens.end(), is_special);
    const auto last = std::find_if(tokens.rbegin(), tokens.rend(), is_special).base();
    for (auto it = tokens.begin(); it != first; ++it) append_rune(pattern.text, it->value);
    if (first == tokens.end()) return pattern;
    for (auto it = last; it != tokens.end(); ++it) append_rune(pattern.tail, it->value);
  }
  return pattern;
}

bool IgnorePatterns::Pattern::matches(std::string_view path) const {
  switch (shape) {
    case Shape::exact:
      return path == text;
    case Shape::prefix:
      return path.starts_with(text);
    case Shape::suffix:
      return path.ends_with(text) ||
             (text.starts_with('/') && path == std::string_view(text).substr(1));
    case Shape::general:
      if (!path.starts_with(text) || !path.ends_with(tail)) return false;
      break;
  }
  States states(tokens);
  for (std::size_t pos = 0; pos < path.size();) {
    const Rune rune = decode_rune(path, pos);
    if (!states.step(rune.value)) return false;
    pos += rune.width;
  }
  return states.accepts();
}

bool IgnorePatterns::Pattern::may_match_below(std::string_view dir) const {
  const std::string prefix = std::string(dir) + '/';
  switch (shape) {
    case Shape::exact:
      return text.size() > prefix.size() && text.starts_with(prefix);
    case Shape::prefix:
      return text.starts_with(prefix) || prefix.starts_with(text);
    case Shape::suffix:
      return true;
    case Shape::general:
      break;
  }
  States states(tokens);
  for (const char32_t rune : path_runes(prefix)) {
    if (!states.step(rune)) return false;
  }
  return states.can_go_on();
}

IgnorePatterns::Verdict IgnorePatterns::judge(std::string_view path, const Verdict* parent) const {
  Verdict verdict;
  verdict.matched.resize(patterns_.size());
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    const Pattern& pattern = patterns_[i];
    bool matched = parent != nullptr && parent->matched[i];
    // A pattern that could change nothing is not even remembered as a match for what is below.
    if (!matched && pattern.exception != verdict.ignored) continue;
    matched = matched || pattern.matches(path);
    verdict.matched[i] = matched;
    if (matched) verdict.ignored = !pattern.exception;
  }
  return verdict;
}

bool IgnorePatterns::ignores(std::string_view path) const {
  if (patterns_.empty()) return false;
  Verdict verdict;
  const Verdict* parent = nullptr;
  for (std::size_t slash = 0; slash != std::string_view::npos;) {
    slash = path.find('/', slash + 1);
    verdict = judge(path.substr(0, slash), parent);
    parent = &verdict;
  }
  return verdict.ignored;
}

bool IgnorePatterns::may_contain_exceptions(std::string_view dir) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
    return pattern.exception && pattern.may_match_below(dir);
  });
}

}  // namespace kiln::dockerfile
