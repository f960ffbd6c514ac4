// SPDX-License-Identifier: Apache-2.0
#include "format/json_indent.h"

#include <cstddef>

namespace kiln::format {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// One past the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1 < text.size() ? at + 1 : text.size();
}

}  // namespace

std::string indent_json(std::string_view text, std::string_view indent) {
  std::string out;
  std::size_t depth = 0;
  bool opened = false;  // an object or array that has nothing in it yet
  const auto new_line = [&] {
    out += '\n';
    for (std::size_t i = 0; i < depth; ++i) out += indent;
  };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (is_space(c)) {
      ++at;
      continue;
    }
    const bool closes = c == '}' || c == ']';
    if (opened && !closes) {
      ++depth;
      new_line();
    }
    if (closes && !opened) {
      depth -= depth > 0 ? 1 : 0;
      new_line();
    }
    opened = c == '{' || c == '[';
    if (c == '"') {
      const std::size_t end = end_of_string(text, at);
      out += text.substr(at, end - at);
      at = end;
      continue;
    }
    out += c;
    if (c == ':') out += ' ';
    if (c == ',') new_line();
    ++at;
  }
  return out;
}

}  // namespace kiln::format
