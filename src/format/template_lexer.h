// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::format {

enum class TokenKind {
  error,  ///< `text` says what is wrong; the last token
  end_of_text,
  text,  ///< outside of actions
  left_delimiter,
  right_delimiter,
  space,
  assign,   ///< =
  declare,  ///< :=
  pipe,
  left_parenthesis,
  right_parenthesis,
  character,  ///< any other ASCII punctuation, such as the comma
  character_constant,
  number,
  boolean,
  quoted_string,
  raw_string,
  identifier,
  field,     ///< .Name
  variable,  ///< $, $name
  // From here on they are shown as <word> in errors.
  dot,
  nil,
  block_keyword,
  break_keyword,
  continue_keyword,
  define_keyword,
  else_keyword,
  end_keyword,
  if_keyword,
  range_keyword,
  template_keyword,
  with_keyword,
};

struct Token {
  TokenKind kind = TokenKind::end_of_text;
  std::size_t position = 0;
  std::string text;
};

/// Cuts a Go template into tokens; comments and trimmed blanks are gone. The last token is
/// end_of_text or error. A text token's `position` is that of the text before trimming.
std::vector<Token> lex_template(std::string_view text);

}  // namespace kiln::format
