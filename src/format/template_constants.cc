// SPDX-License-Identifier: Apache-2.0
#include "format/template_constants.h"

#include "format/go_literals.h"
#include "format/go_strconv.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

Result<nlohmann::json> number(const std::string& text) {
  Number made = number_value(text);
  if (made.problem == Number::Problem::overflow)
    return invalid_input("integer overflow: " + quote(text));
  if (made.problem == Number::Problem::syntax)
    return invalid_input("illegal number syntax: " + quote(text));
  return std::move(made.value);
}

Result<nlohmann::json> character(const std::string& text) {
  auto value = character_value(text);
  if (!value) return invalid_input("malformed character constant: " + text);
  return std::move(*value);
}

}  // namespace

Result<std::string> string_value(const Token& token) {
  auto text = unquote(token.text);
  if (!text) return invalid_input("invalid syntax");
  return std::move(*text);
}

Result<nlohmann::json> constant_value(const Token& token) {
  switch (token.kind) {
    case TokenKind::boolean:
      return nlohmann::json(token.text == "true");
    case TokenKind::character_constant:
      return character(token.text);
    case TokenKind::number:
      return number(token.text);
    default: {
      std::string text = TRY(string_value(token));
      return nlohmann::json(std::move(text));
    }
  }
}

std::string describe(const Token& token) {
  if (token.kind == TokenKind::end_of_text) return "EOF";
  if (token.kind == TokenKind::error) return token.text;
  if (token.kind >= TokenKind::dot) return "<" + token.text + ">";
  if (count_runes(token.text) <= 10) return quote(token.text);
  std::size_t end = 0;
  for (int i = 0; i < 10; ++i) end += decode_rune(std::string_view(token.text).substr(end)).size;
  return quote(std::string_view(token.text).substr(0, end)) + "...";
}

}  // namespace kiln::format
