// SPDX-License-Identifier: Apache-2.0
// Word expansion: the first byte chooses the options, the rest is the text.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "dockerfile/expand.h"
#include "dockerfile/unicode.h"

namespace {

using namespace kiln::dockerfile;

std::optional<std::string> find_variable(std::string_view name) {
  if (name == "X") return "a.b  c/d*\\";
  if (name == "D") return "$X ${0} 'q' \"";
  if (name == "E") return "";
  return std::nullopt;
}

std::optional<std::string> no_variables(std::string_view /*name*/) { return std::nullopt; }

bool has_any(std::string_view text, std::string_view characters) {
  return text.find_first_of(characters) != std::string_view::npos;
}

/// Expansion drops a byte order mark in front.
std::string_view without_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

void check_expansion(std::string_view text, const ExpandOptions& options) {
  UsedNames used;
  const auto result = expand(text, find_variable, options, &used);
  if (!result.ok()) return;
  std::size_t characters = 0;
  for (const std::string& word : result->words) {
    CHECK(!word.empty());
    characters += word.size();
  }
  CHECK(characters <= result->text.size());
  if (!has_any(text, "$'\"\\`")) {
    CHECK(result->text == without_mark(text));
    CHECK(used.defined.empty() && used.undefined.empty());
  }
  for (const std::string& name : used.defined) CHECK(find_variable(name).has_value());
  for (const std::string& name : used.undefined) CHECK(!find_variable(name).has_value());
}

/// What keeps quotes, escapes and unset variables only splits.
void check_plain_split(std::string_view text) {
  const ExpandOptions options{
      .quotes = Quotes::keep, .escapes = Escapes::keep, .unset = UnsetVariables::keep};
  const auto result = expand(text, no_variables, options);
  // Braces are written anew, and the escape before a character that needs none is written twice.
  if (result.ok() && !has_any(text, "{\\")) CHECK(result->text == without_mark(text));
}

void check_quoting(std::string_view text) {
  std::string quoted(text);
  std::erase(quoted, '\'');
  const auto same = expand_word("'" + quoted + "'", find_variable, '\\');
  CHECK(same.ok() && *same == quoted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ExpandOptions options{
      .escape = (choice & 1U) != 0 ? '`' : '\\',
      .quotes = (choice & 2U) != 0   ? Quotes::keep
                : (choice & 4U) != 0 ? Quotes::literal
                                     : Quotes::remove,
      .escapes = (choice & 8U) != 0 ? Escapes::keep : Escapes::remove,
      .unset = (choice & 16U) != 0 ? UnsetVariables::keep : UnsetVariables::empty};
  check_expansion(text, options);
  check_plain_split(text);
  check_quoting(text);
  static_cast<void>(expand_heredoc(text, find_variable).ok());
  return 0;
}
