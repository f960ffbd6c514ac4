// SPDX-License-Identifier: Apache-2.0
#include "lint/source_lines.h"

#include "base/strings.h"
#include "dockerfile/heredoc.h"

namespace kiln::lint {

namespace df = dockerfile;

std::vector<std::string_view> SourceLine::arguments() const {
  return df::split_blanks(statement.arguments);
}

SourceLines read_source_lines(const df::Source& source, const df::Directives& directives) {
  SourceLines lines;
  std::vector<df::Diagnostic> ignored;
  df::LineReader reader(source, directives.escape, ignored);
  reader.go_to(directives.line_count + 1);
  for (;;) {
    SourceLine& line = lines.emplace_back();
    if (!reader.next(line.text)) break;
    line.statement = df::split_statement(line.text, line.text.text(), directives.escape);
    line.keyword = df::find_keyword(line.statement.keyword);
    line.first = line.text.range().begin.line;
    line.last_of_text = reader.line_number() - 1;
    if (line.keyword) {
      for (df::Heredoc& heredoc :
           df::find_heredocs(line.text, line.statement, directives.escape, ignored)) {
        if (!reader.read_heredoc(heredoc)) break;
      }
    }
    line.last = reader.line_number() - 1;
  }
  lines.pop_back();
  return lines;
}

std::string description_of(const std::vector<std::string>& comments, std::string_view name) {
  if (name.empty()) return {};
  for (const std::string& comment : comments) {
    const auto [word, rest] = split_once(comment, ' ');
    if (rest && word == name) return std::string(*rest);
  }
  return {};
}

}  // namespace kiln::lint
