// SPDX-License-Identifier: Apache-2.0
#include "lint/shell_commands.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"

namespace kiln::lint {
namespace {

constexpr std::string_view kControlWords[] = {"if",    "then",  "elif", "else", "fi", "do", "done",
                                              "while", "until", "{",    "}",    "!",  "(",  ")"};
constexpr std::string_view kWrappers[] = {"sudo", "exec", "env", "command", "time", "nice"};

template <std::size_t N>
bool is_among(std::string_view word, const std::string_view (&words)[N]) {
  return std::ranges::find(words, word) != std::end(words);
}

bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos) return false;
  return std::ranges::all_of(word.substr(0, equals), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

class ShellReader {
 public:
  explicit ShellReader(std::string_view text) : text_(text) {}

  std::vector<ShellCommand> read() {
    while (pos_ < text_.size()) step();
    end_command(false);
    return std::move(commands_);
  }

 private:
  char at(std::size_t pos) const { return pos < text_.size() ? text_[pos] : '\0'; }

  void step() {
    const char c = text_[pos_];
    if (c == ' ' || c == '\t' || c == '\r') {
      end_word();
      ++pos_;
    } else if (c == '\\') {
      // Also what continues a line in a heredoc.
      if (at(pos_ + 1) != '\n') take(at(pos_ + 1));
      pos_ += 2;
    } else if (c == '\'' || c == '"') {
      quoted(c);
    } else if (c == '$' && at(pos_ + 1) == '(') {
      substitution();
    } else if (c == '#' && !in_word_) {
      pos_ = std::min(text_.find('\n', pos_), text_.size());
    } else if (c == '\n' || c == ';' || c == '(' || c == ')') {
      end_command(false);
      ++pos_;
    } else if (c == '&' && (at(pos_ + 1) == '>' || after_redirection())) {
      take(c);
      ++pos_;
    } else if (c == '&' || c == '|') {
      const bool both = at(pos_ + 1) == c;
      end_command(c == '|' && !both);
      pos_ += both || at(pos_ + 1) == '&' ? 2 : 1;
    } else {
      take(c);
      ++pos_;
    }
  }

  bool after_redirection() const {
    return pos_ > 0 && (text_[pos_ - 1] == '>' || text_[pos_ - 1] == '<');
  }

  void take(char c) {
    in_word_ = true;
    if (c != '\0') word_ += c;
  }

  void quoted(char quote) {
    in_word_ = true;
    for (++pos_; pos_ < text_.size() && text_[pos_] != quote; ++pos_) {
      if (quote == '"' && text_[pos_] == '\\' && pos_ + 1 < text_.size()) ++pos_;
      word_ += text_[pos_];
    }
    ++pos_;
  }

  void substitution() {
    in_word_ = true;
    int depth = 0;
    do {
      const char c = text_[pos_++];
      if (c == '(') ++depth;
      if (c == ')') --depth;
      word_ += c;
    } while (pos_ < text_.size() && (depth > 0 || word_.back() == '$'));
  }

  void end_word() {
    if (!in_word_) return;
    in_word_ = false;
    std::string word = std::move(word_);
    word_.clear();
    if (current_.words.empty() && is_among(word, kControlWords)) return;
    current_.words.push_back(std::move(word));
  }

  void end_command(bool piped) {
    end_word();
    if (current_.words.empty()) return;
    current_.piped = piped;
    commands_.push_back(std::move(current_));
    current_ = {};
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::string word_;
  bool in_word_ = false;
  ShellCommand current_;
  std::vector<ShellCommand> commands_;
};

}  // namespace

std::vector<std::string> ShellCommand::command() const {
  auto begin = words.begin();
  while (begin != words.end() && (is_assignment(*begin) || is_among(*begin, kWrappers) ||
                                  (begin != words.begin() && begin->starts_with('-'))))
    ++begin;
  return {begin, words.end()};
}

std::vector<ShellCommand> parse_shell(std::string_view script) {
  return ShellReader(script).read();
}

std::vector<ShellCommand> commands_of(const dockerfile::Run& run) {
  if (run.command.exec_form) {
    const auto& argv = run.command.argv;
    if (argv.size() >= 3 && argv[0].ends_with("sh") && argv[1].starts_with('-') &&
        argv[1].ends_with('c'))
      return parse_shell(argv[2]);
    return {{argv, false}};
  }
  if (!run.heredoc_only) return parse_shell(run.command.shell);
  if (run.heredocs.size() != 1) return {};
  const std::string script = run.heredocs.front().file_content();
  const auto first_line = split_once(script, '\n').first;
  if (first_line.starts_with("#!") && !first_line.ends_with("sh")) return {};
  return parse_shell(script);
}

}  // namespace kiln::lint
