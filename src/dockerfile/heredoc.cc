// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/heredoc.h"

#include <algorithm>

#include "dockerfile/command_line.h"
#include "dockerfile/expand.h"
#include "dockerfile/keywords.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

std::optional<std::string> no_variables(std::string_view /*name*/) { return std::nullopt; }

Result<std::vector<std::string>> shell_words(std::string_view text, Quotes quotes,
                                             Escapes escapes) {
  const ExpandOptions options{.quotes = quotes, .escapes = escapes, .unset = UnsetVariables::keep};
  Expansion result = TRY(expand(text, no_variables, options));
  return std::move(result.words);
}

auto count_quotes(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c == '\'' || c == '"'; });
}

bool can_have_heredocs(const LogicalLine& line, const Statement& statement, char escape) {
  const auto keyword = find_keyword(statement.keyword);
  if (keyword == Keyword::onbuild) {
    const Statement trigger = split_statement(line, statement.arguments, escape);
    return find_keyword(trigger.keyword) != Keyword::onbuild &&
           can_have_heredocs(line, trigger, escape);
  }
  if (keyword && *keyword != Keyword::run && *keyword != Keyword::copy &&
      *keyword != Keyword::add) {
    return false;
  }
  return parse_json_array(statement.arguments).form == JsonForm::none;
}

}  // namespace

std::string Heredoc::file_content() const { return chomp ? chomp_leading_tabs(content) : content; }

Result<std::optional<Heredoc>> parse_heredoc_word(std::string_view word) {
  Heredoc heredoc;
  std::string_view rest = word;
  rest.remove_prefix(std::min(rest.find_first_not_of("0123456789"), rest.size()));
  if (!rest.starts_with("<<")) return std::optional<Heredoc>();
  rest.remove_prefix(2);
  if (rest.starts_with('-')) {
    heredoc.chomp = true;
    rest.remove_prefix(1);
  }
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\n\f\r"), rest.size()));
  if (rest.empty() || rest.find('<') != std::string_view::npos) return std::optional<Heredoc>();

  const auto words = TRY(shell_words(rest, Quotes::remove, Escapes::remove));
  if (words.size() != 1) return std::optional<Heredoc>();
  const auto raw_words = TRY(shell_words(rest, Quotes::keep, Escapes::remove));
  heredoc.name = words[0];
  heredoc.expand = raw_words.size() == 1 && count_quotes(words[0]) == count_quotes(raw_words[0]);
  return std::optional<Heredoc>(std::move(heredoc));
}

std::vector<Heredoc> find_heredocs(const LogicalLine& line, const Statement& statement, char escape,
                                   std::vector<Diagnostic>& errors) {
  const std::string_view text = line.text();
  if (text.find("<<") == std::string_view::npos || !can_have_heredocs(line, statement, escape)) {
    return {};
  }
  const auto words = shell_words(text, Quotes::keep, Escapes::keep);
  // What is no word for us may be one for the shell that RUN starts.
  if (!words.ok()) return {};
  std::vector<Heredoc> heredocs;
  std::size_t from = 0;
  for (const auto& word : *words) {
    const auto found = text.find(word, from);
    const auto part =
        found == std::string_view::npos ? statement.all : text.substr(found, word.size());
    if (found != std::string_view::npos) from = found + word.size();
    auto result = parse_heredoc_word(word);
    if (!result.ok()) {
      errors.push_back({line.range_of(part), result.error().message(), {}});
      continue;
    }
    std::optional<Heredoc>& heredoc = *result;
    if (!heredoc) continue;
    heredoc->range = line.range_of(part);
    heredocs.push_back(std::move(*heredoc));
  }
  return heredocs;
}

std::string chomp_leading_tabs(std::string_view content) {
  std::string out;
  bool at_start = true;
  for (const char c : content) {
    if (at_start && c == '\t') continue;
    at_start = c == '\n';
    out += c;
  }
  return out;
}

}  // namespace kiln::dockerfile
