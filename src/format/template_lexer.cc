// SPDX-License-Identifier: Apache-2.0
#include "format/template_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "format/go_strconv.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

constexpr std::string_view kLeft = "{{";
constexpr std::string_view kRight = "}}";
constexpr std::string_view kBlanks = " \t\r\n";

constexpr std::pair<std::string_view, TokenKind> kKeywords[] = {
    {"block", TokenKind::block_keyword},
    {"break", TokenKind::break_keyword},
    {"continue", TokenKind::continue_keyword},
    {"define", TokenKind::define_keyword},
    {"else", TokenKind::else_keyword},
    {"end", TokenKind::end_keyword},
    {"if", TokenKind::if_keyword},
    {"nil", TokenKind::nil},
    {"range", TokenKind::range_keyword},
    {"template", TokenKind::template_keyword},
    {"with", TokenKind::with_keyword},
    {"true", TokenKind::boolean},
    {"false", TokenKind::boolean},
};

bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (outside() && inside()) {
    }
    return std::move(tokens_);
  }

 private:
  char at(std::size_t position) const { return position < text_.size() ? text_[position] : '\0'; }
  bool starts(std::size_t position, std::string_view what) const {
    return text_.substr(std::min(position, text_.size())).starts_with(what);
  }

  void emit(TokenKind kind) {
    tokens_.push_back({kind, start_, std::string(text_.substr(start_, position_ - start_))});
    start_ = position_;
  }
  bool fail(std::string message) {
    tokens_.push_back({TokenKind::error, start_, std::move(message)});
    return false;
  }

  /// `-}}` or `}}` with the blank that must precede the dash.
  std::size_t right_delimiter_size(std::size_t position) const {
    if (starts(position, kRight)) return kRight.size();
    if (is_blank(at(position)) && at(position + 1) == '-' && starts(position + 2, kRight))
      return kRight.size() + 2;
    return 0;
  }

  /// Text up to an action, which must then be lexed: true; false at the end or an error.
  bool outside() {
    for (;;) {
      const auto left = text_.find(kLeft, position_);
      const bool last = left == std::string_view::npos;
      const auto end = last ? text_.size() : left;
      const bool trims_left =
          !last && at(left + 2) == '-' && left + 3 < text_.size() && is_blank(at(left + 3));
      std::string_view piece = text_.substr(position_, end - position_);
      if (trims_right_) {
        const auto first = std::min(piece.find_first_not_of(kBlanks), piece.size());
        piece.remove_prefix(first);
      }
      if (trims_left) piece = piece.substr(0, piece.find_last_not_of(kBlanks) + 1);
      if (!piece.empty()) tokens_.push_back({TokenKind::text, position_, std::string(piece)});
      start_ = position_ = end;
      trims_right_ = false;
      if (last) {
        emit(TokenKind::end_of_text);
        return false;
      }
      const auto inner = left + kLeft.size() + (trims_left ? 2 : 0);
      if (!starts(inner, "/*")) {
        position_ = left + kLeft.size();
        emit(TokenKind::left_delimiter);
        // The blank after the dash stays, so that `{{- -3}}` is a number after a space.
        if (trims_left) start_ = position_ = position_ + 1;
        depth_ = 0;
        return true;
      }
      const auto close = text_.find("*/", inner + 2);
      if (close == std::string_view::npos) return fail("unclosed comment");
      const auto size = right_delimiter_size(close + 2);
      if (size == 0) return fail("comment ends before closing delimiter");
      trims_right_ = size > kRight.size();
      start_ = position_ = close + 2 + size;
    }
  }

  /// One action, up to and with its right delimiter.
  bool inside() {
    for (;;) {
      start_ = position_;
      if (const auto size = right_delimiter_size(position_); size > 0) {
        if (depth_ > 0) return fail("unclosed left paren");
        trims_right_ = size > kRight.size();
        if (trims_right_) start_ = position_ = position_ + 2;
        position_ += kRight.size();
        emit(TokenKind::right_delimiter);
        return true;
      }
      if (position_ >= text_.size()) return fail("unclosed action");
      if (!token()) return false;
    }
  }

  bool token() {
    const char c = at(position_);
    if (is_blank(c)) return space();
    if (is_digit(c) || c == '+' || c == '-' || (c == '.' && is_digit(at(position_ + 1))))
      return number();
    if (is_word(c)) return word();
    ++position_;
    switch (c) {
      case '=':
        emit(TokenKind::assign);
        return true;
      case ':':
        if (at(position_) != '=') return fail("expected :=");
        ++position_;
        emit(TokenKind::declare);
        return true;
      case '|':
        emit(TokenKind::pipe);
        return true;
      case '"':
        return quoted('"', TokenKind::quoted_string, "unterminated quoted string");
      case '\'':
        return quoted('\'', TokenKind::character_constant, "unterminated character constant");
      case '`':
        return raw_string();
      case '.':
        return name_after(TokenKind::dot, TokenKind::field);
      case '$':
        return name_after(TokenKind::variable, TokenKind::variable);
      case '(':
        ++depth_;
        emit(TokenKind::left_parenthesis);
        return true;
      case ')':
        if (--depth_ < 0) return fail("unexpected right paren");
        emit(TokenKind::right_parenthesis);
        return true;
      default:
        if (c < 0x20 || c == 0x7F)
          return fail("unrecognized character in action: " + describe(position_ - 1));
        emit(TokenKind::character);
        return true;
    }
  }

  bool space() {
    while (position_ < text_.size() && is_blank(at(position_)) &&
           right_delimiter_size(position_) == 0)
      ++position_;
    emit(TokenKind::space);
    return true;
  }

  bool quoted(char mark, TokenKind kind, const char* complaint) {
    for (;; ++position_) {
      if (position_ >= text_.size() || at(position_) == '\n') return fail(complaint);
      if (at(position_) == '\\' && at(position_ + 1) != '\n' && position_ + 1 < text_.size()) {
        ++position_;
      } else if (at(position_) == mark) {
        ++position_;
        emit(kind);
        return true;
      }
    }
  }

  bool raw_string() {
    const auto close = text_.find('`', position_);
    if (close == std::string_view::npos) return fail("unterminated raw quoted string");
    position_ = close + 1;
    emit(TokenKind::raw_string);
    return true;
  }

  bool name_after(TokenKind alone, TokenKind named) {
    const auto first = position_;
    while (is_word(at(position_))) ++position_;
    if (!at_terminator()) return fail("bad character " + describe(position_));
    emit(position_ == first ? alone : named);
    return true;
  }

  bool word() {
    while (is_word(at(position_))) ++position_;
    if (!at_terminator()) return fail("bad character " + describe(position_));
    const std::string_view name = text_.substr(start_, position_ - start_);
    const auto* const keyword =
        std::find_if(std::begin(kKeywords), std::end(kKeywords),
                     [&](const auto& candidate) { return candidate.first == name; });
    emit(keyword == std::end(kKeywords) ? TokenKind::identifier : keyword->second);
    return true;
  }

  bool number() {
    const auto accept = [&](std::string_view set) {
      const bool found =
          position_ < text_.size() && set.find(at(position_)) != std::string_view::npos;
      position_ += found ? 1 : 0;
      return found;
    };
    accept("+-");
    std::string_view digits = "0123456789_";
    bool decimal = true;
    if (accept("0")) {
      decimal = false;
      if (accept("xX"))
        digits = "0123456789abcdefABCDEF_";
      else if (accept("oO"))
        digits = "01234567_";
      else if (accept("bB"))
        digits = "01_";
      else
        decimal = true;
    }
    while (accept(digits)) {
    }
    if (accept(".")) {
      while (accept(digits)) {
      }
    }
    if (accept(decimal ? "eE" : digits.size() > 20 ? "pP" : "")) {
      accept("+-");
      while (accept("0123456789_")) {
      }
    }
    if (is_word(at(position_))) {
      ++position_;
      return fail("bad number syntax: " + quote(text_.substr(start_, position_ - start_)));
    }
    emit(TokenKind::number);
    return true;
  }

  bool at_terminator() const {
    const char c = at(position_);
    return position_ >= text_.size() || is_blank(c) ||
           std::string_view(".,|:()").find(c) != std::string_view::npos ||
           starts(position_, kRight);
  }

  /// `U+002D '-'`, as Go's %#U.
  std::string describe(std::size_t position) const {
    const Rune rune = decode_rune(text_.substr(position));
    const auto code = fmt::format("U+{:04X}", static_cast<unsigned>(rune.code));
    if (!is_printable(rune.code)) return code;
    return fmt::format("{} '{}'", code, text_.substr(position, rune.size));
  }

  std::string_view text_;
  std::size_t start_ = 0;
  std::size_t position_ = 0;
  int depth_ = 0;
  bool trims_right_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex_template(std::string_view text) { return Lexer(text).run(); }

}  // namespace kiln::format
