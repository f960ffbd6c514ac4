// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/expand.h"

#include <utility>

#include "dockerfile/shell_pattern.h"
#include "dockerfile/unicode.h"
#include "format/go_strconv.h"

namespace kiln::dockerfile {
namespace {

/// Guards the stack against hostile input; nobody nests ${a:-${b:-…}} this deep.
constexpr int kMaxDepth = 100;

/// Collects words: white space from unquoted text and variables ends one.
class WordSplitter {
 public:
  void add_splitting(std::string_view text) {
    for (std::size_t pos = 0; pos < text.size();) {
      const Rune rune = decode_rune(text, pos);
      if (is_space(rune.value)) {
        end_word();
      } else {
        word_ += text.substr(pos, rune.width);
      }
      pos += rune.width;
    }
  }
  void add_literally(std::string_view text) { word_ += text; }
  void forget_begun_word() { word_.clear(); }
  std::vector<std::string> take() {
    end_word();
    return std::move(words_);
  }

 private:
  void end_word() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    word_.clear();
  }

  std::vector<std::string> words_;
  std::string word_;
};

bool is_special_parameter(char32_t c) {
  return c < 0x80 &&
         std::string_view("@*#?-$!0").find(static_cast<char>(c)) != std::string_view::npos;
}

class Expander {
 public:
  Expander(std::string_view text, const Lookup& lookup, const ExpandOptions& options,
           UsedNames* used)
      : text_(text), lookup_(lookup), options_(options), escapes_(options.escapes), used_(used) {}

  /// Up to the end of the text, or up to and with the next unquoted `stop` unless that is 0.
  Result<Expansion> run(char stop) {
    if (++depth_ > kMaxDepth) return invalid_input("substitutions are nested too deeply");
    Expansion out;
    WordSplitter words;
    while (!at_end()) {
      const char c = peek();
      if (stop != 0 && c == stop) {
        ++pos_;
        --depth_;
        out.words = words.take();
        return out;
      }
      const bool quote = c == '\'' || c == '"';
      if (c == '$') {
        const std::string value = TRY(dollar());
        out.text += value;
        if (std::exchange(had_operand_, false)) words.forget_begun_word();
        words.add_splitting(value);
      } else if (c == '<' || (quote && options_.quotes != Quotes::literal)) {
        const std::string piece = TRY(c == '<'    ? Result<std::string>(heredoc_operator())
                                      : c == '\'' ? single_quoted()
                                                  : double_quoted());
        out.text += piece;
        if (std::exchange(had_operand_, false)) words.forget_begun_word();
        words.add_literally(piece);
      } else if (c == options_.escape) {
        const std::string piece = escaped();
        out.text += piece;
        words.add_literally(piece);
      } else {
        const std::string_view rune = take_rune();
        out.text += rune;
        words.add_splitting(rune);
      }
    }
    --depth_;
    if (stop != 0) {
      return invalid_input(std::string("unexpected end of statement while looking for matching ") +
                           stop);
    }
    out.words = words.take();
    return out;
  }

 private:
  struct Value {
    std::string text;
    bool set;
  };

  bool at_end() const { return pos_ >= text_.size(); }
  /// 0 at the end; only ever compared to characters that have a meaning.
  char peek() const { return at_end() ? '\0' : text_[pos_]; }
  std::string_view take_rune() {
    const std::string_view rune = text_.substr(pos_, decode_rune(text_, pos_).width);
    pos_ += rune.size();
    return rune;
  }

  std::string escaped() {
    std::string out;
    const char escape = text_[pos_++];
    if (escapes_ == Escapes::keep) out += escape;
    if (!at_end()) out += take_rune();
    return out;
  }

  Result<std::string> single_quoted() {
    const auto end = text_.find('\'', pos_ + 1);
    if (end == std::string_view::npos) {
      pos_ = text_.size();
      return invalid_input("unexpected end of statement while looking for matching single-quote");
    }
    const bool keep = options_.quotes == Quotes::keep;
    const std::string_view out =
        keep ? text_.substr(pos_, end + 1 - pos_) : text_.substr(pos_ + 1, end - pos_ - 1);
    pos_ = end + 1;
    return std::string(out);
  }

  Result<std::string> double_quoted() {
    const bool keep = options_.quotes == Quotes::keep;
    std::string out;
    if (keep) out += '"';
    ++pos_;
    while (!at_end()) {
      const char c = peek();
      if (c == '"') {
        ++pos_;
        if (keep) out += '"';
        return out;
      }
      if (c == '$') {
        out += TRY(dollar());
      } else if (c == options_.escape) {
        ++pos_;
        if (escapes_ == Escapes::keep) out += c;
        const char next = peek();
        if (at_end()) break;
        // Before any other character the escape stays, also where it was kept already.
        const bool escapable = next == '"' || next == '$' || next == options_.escape;
        out += escapable ? next : c;
        if (escapable) ++pos_;
      } else {
        out += take_rune();
      }
    }
    return invalid_input("unexpected end of statement while looking for matching double-quote");
  }

  /// `<` as it is; `<<` with the blanks behind it, which do not end a word.
  std::string heredoc_operator() {
    const auto begin = pos_++;
    if (peek() == '<' && !at_end()) {
      ++pos_;
      while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) ++pos_;
    }
    return std::string(text_.substr(begin, pos_ - begin));
  }

  std::string name() {
    const auto begin = pos_;
    if (is_digit(static_cast<unsigned char>(peek()))) {
      while (!at_end() && is_digit(static_cast<unsigned char>(peek()))) ++pos_;
    } else if (!at_end() && is_special_parameter(static_cast<unsigned char>(peek()))) {
      ++pos_;
    } else {
      while (!at_end()) {
        const Rune rune = decode_rune(text_, pos_);
        if (!is_letter(rune.value) && !is_digit(rune.value) && rune.value != '_') break;
        pos_ += rune.width;
      }
    }
    return std::string(text_.substr(begin, pos_ - begin));
  }

  Value value_of(const std::string& name) {
    auto found = lookup_(name);
    if (used_ != nullptr) (found ? used_->defined : used_->undefined).insert(name);
    return {found.value_or(""), found.has_value()};
  }

  bool stays(const Value& value) const {
    return !value.set && options_.unset == UnsetVariables::keep;
  }

  Result<std::string> dollar() {
    ++pos_;
    if (peek() == '{') {
      ++pos_;
      return braced();
    }
    const std::string variable = name();
    if (variable.empty()) return std::string("$");
    const Value value = value_of(variable);
    return stays(value) ? "$" + variable : value.text;
  }

  Result<std::string> braced() {
    if (at_end()) return invalid_input("syntax error: missing '}'");
    if (peek() == '{' || peek() == '}' || peek() == ':') {
      return invalid_input("syntax error: bad substitution");
    }
    const std::string variable = name();
    if (at_end()) return invalid_input("syntax error: missing '}'");
    const std::string_view modifier = take_rune();
    switch (modifier[0]) {
      case '}': {
        const Value value = value_of(variable);
        return stays(value) ? "${" + variable + "}" : value.text;
      }
      case '/':
        return replaced(variable);
      case ':': {
        if (at_end()) return invalid_input("syntax error: missing '}'");
        const std::string_view second = take_rune();
        if (second == "#" || second == "%") return unsupported_modifier(":" + std::string(second));
        return conditional(variable, ":" + std::string(second));
      }
      case '+':
      case '-':
      case '?':
        return conditional(variable, std::string(modifier));
      case '#':
      case '%':
        return trimmed(variable, modifier[0]);
      default:
        return unsupported_modifier(modifier);
    }
  }

  static Error unsupported_modifier(std::string_view modifier) {
    return invalid_input("unsupported modifier (" + std::string(modifier) + ") in substitution");
  }

  /// The word that a modifier is followed by. `when_missing` is the error if the text just ends.
  Result<std::string> operand(char stop, Escapes escapes, const char* when_missing) {
    const Escapes outer = std::exchange(escapes_, escapes);
    auto result = run(stop);
    escapes_ = outer;
    had_operand_ = true;
    if (result.ok()) return std::move(result->text);
    if (at_end()) return invalid_input(when_missing);
    return std::move(result).error();
  }

  Result<std::string> conditional(const std::string& variable, const std::string& modifier) {
    const std::string word = TRY(operand('}', Escapes::remove, "syntax error: missing '}'"));
    const bool null_is_unset = modifier[0] == ':';
    const Value value = value_of(variable);
    if (stays(value)) return "${" + variable + modifier + word + "}";
    const bool absent = !value.set || (null_is_unset && value.text.empty());
    switch (modifier.back()) {
      case '-':
        return absent ? word : value.text;
      case '+':
        return absent ? std::string() : word;
      case '?': {
        if (!absent) return value.text;
        const char* reason =
            value.set ? "is not allowed to be empty" : "is not allowed to be unset";
        return invalid_input(variable + ": " + (word.empty() ? reason : word));
      }
      default:
        return unsupported_modifier(modifier);
    }
  }

  Result<std::string> trimmed(const std::string& variable, char modifier) {
    std::string word = TRY(operand('}', Escapes::keep, "syntax error: missing '}'"));
    const Value value = value_of(variable);
    if (stays(value)) return "${" + variable + modifier + word + "}";
    auto length = ShellPattern::Length::shortest;
    if (word.starts_with(modifier)) {
      length = ShellPattern::Length::longest;
      word.erase(0, 1);
    }
    const ShellPattern pattern = TRY(ShellPattern::parse(word));
    return modifier == '#' ? pattern.remove_prefix(value.text, length)
                           : pattern.remove_suffix(value.text, length);
  }

  Result<std::string> replaced(const std::string& variable) {
    auto occurrences = ShellPattern::Occurrences::first;
    if (peek() == '/') {
      ++pos_;
      occurrences = ShellPattern::Occurrences::all;
    }
    const std::string word = TRY(operand('/', Escapes::keep, "syntax error: missing '/' in ${}"));
    const std::string replacement = TRY(operand('}', Escapes::keep, "syntax error: missing '}'"));
    const Value value = value_of(variable);
    if (stays(value)) return "${" + variable + "/" + word + "/" + replacement + "}";
    const ShellPattern pattern = TRY(ShellPattern::parse(word));
    return pattern.replace(value.text, replacement, occurrences);
  }

  std::string_view text_;
  const Lookup& lookup_;
  const ExpandOptions& options_;
  Escapes escapes_;
  UsedNames* used_;
  std::size_t pos_ = 0;
  int depth_ = 0;
  /// An operator's word was read. BuildKit collects the words of that in the same place as those
  /// around it, so that what it had of the word before is gone: `a${x:-b}` is one word, `b`.
  bool had_operand_ = false;
};

}  // namespace

Result<Expansion> expand(std::string_view text, const Lookup& lookup, const ExpandOptions& options,
                         UsedNames* used) {
  // BuildKit's scanner takes this one away.
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return Expander(text, lookup, options, used).run(0).context([&] {
    return "failed to process " + format::quote(text);
  });
}

Result<std::string> expand_word(std::string_view word, const Lookup& lookup, char escape,
                                UsedNames* used) {
  Expansion result = TRY(expand(word, lookup, {.escape = escape}, used));
  return std::move(result.text);
}

Result<std::vector<std::string>> expand_words(std::string_view text, const Lookup& lookup,
                                              char escape, UsedNames* used) {
  Expansion result = TRY(expand(text, lookup, {.escape = escape}, used));
  return std::move(result.words);
}

Result<std::string> expand_heredoc(std::string_view content, const Lookup& lookup,
                                   UsedNames* used) {
  const ExpandOptions options{.quotes = Quotes::literal};
  Expansion result = TRY(expand(to_valid_utf8(content), lookup, options, used));
  return std::move(result.text);
}

}  // namespace kiln::dockerfile
