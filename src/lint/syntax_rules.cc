// SPDX-License-Identifier: Apache-2.0
#include "lint/syntax_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/unicode.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;

Finding finding_at(const SyntaxView& view, const SourceLine& line, Rule rule, std::string detail,
                   std::string_view words) {
  const df::Range range = line.text.range_of(words);
  Finding out{rule, std::move(detail), line.first, line.last, range, {}};
  if (!is_written_as(view.source, range, words)) out.range = line.text.range();
  return out;
}

/// The same, mended by other words.
Finding replacing(const SyntaxView& view, const SourceLine& line, Rule rule, std::string detail,
                  std::string_view words, std::string replacement) {
  Finding out = finding_at(view, line, rule, std::move(detail), words);
  const df::Range range = line.text.range_of(words);
  if (is_written_as(view.source, range, words)) out.fix.push_back({range, std::move(replacement)});
  return out;
}

void check_empty_continuation(const SyntaxView& view, const SourceLine& line, Findings& findings) {
  if (!line.text.empty_continuation) return;
  const unsigned at = *line.text.empty_continuation;
  Finding finding{Rule::no_empty_continuation, "an empty line inside a continued instruction",
                  line.last_of_text,           line.last_of_text,
                  {{at, 1}, {at, 1}},          {}};
  for (unsigned number = at; number <= line.last_of_text; ++number) {
    if (df::trim_space(view.source.line(number)).empty() && !view.source.raw_line(number).empty())
      finding.fix.push_back({{{number, 1}, {number + 1, 1}}, ""});
  }
  findings.add(std::move(finding));
}

void check_from(const SyntaxView& view, const SourceLine& line, Findings& findings) {
  const auto words = line.arguments();
  if (words.size() < 3) return;
  const std::string_view from = line.statement.keyword;
  const std::string_view as = words[1];
  const std::string_view name = words[2];
  if (words.size() == 3 && name != to_lower(name)) {
    findings.add(replacing(view, line, Rule::stage_name_casing,
                           fmt::format("stage name '{}' is not in lower case", name), name,
                           to_lower(name)));
  }
  const bool lower = from == to_lower(from);
  // Of a FROM in mixed case ConsistentInstructionCasing has enough to say.
  if (!lower && from != to_upper(from)) return;
  const std::string wanted = lower ? to_lower(as) : to_upper(as);
  if (as != wanted) {
    findings.add(replacing(view, line, Rule::from_as_casing,
                           fmt::format("'{}' is not in the case of '{}'", as, from), as, wanted));
  }
}

std::string maintainer_label(std::string_view keyword, std::string_view name, char escape) {
  const bool lower = keyword == to_lower(keyword);
  return fmt::format("{} org.opencontainers.image.authors={}", lower ? "label" : "LABEL",
                     quoted_literal(name, escape));
}

void check_maintainer(const SyntaxView& view, const SourceLine& line, Findings& findings) {
  Finding finding =
      finding_at(view, line, Rule::maintainer_deprecated,
                 "MAINTAINER is deprecated in favour of a label", line.statement.keyword);
  const std::string_view all = line.statement.all;
  const df::Range range = line.text.range_of(all);
  if (!line.statement.arguments.empty() && is_written_as(view.source, range, all)) {
    finding.fix.push_back(
        {range, maintainer_label(line.statement.keyword, line.statement.arguments, view.escape)});
  }
  findings.add(std::move(finding));
}

void check_description(const SourceLine& line, const std::string& what,
                       const std::vector<std::string>& names, Findings& findings) {
  if (names.empty()) return;
  // One that chooses rules describes nothing.
  const auto comment = std::ranges::find_if(
      line.text.comments.rbegin(), line.text.comments.rend(),
      [](const std::string& text) { return !to_lower(text).starts_with("check="); });
  if (comment == line.text.comments.rend()) return;
  const auto first_word = split_once(*comment, ' ').first;
  if (std::ranges::find(names, first_word) != names.end()) return;
  findings.add({Rule::invalid_definition_description,
                fmt::format("the comment above {} should read `# {} <description>`", what,
                            names.size() == 1 ? names.front() : "<name>"),
                line.first,
                line.last,
                line.text.range(),
                {}});
}

std::vector<std::string> arg_names(const SourceLine& line) {
  std::vector<std::string> out;
  for (const std::string_view word : line.arguments())
    out.emplace_back(split_once(word, '=').first);
  return out;
}

void check_line(const SyntaxView& view, const SourceLine& line, Findings& findings) {
  findings.look_at(line.text.comments);
  const bool parsed = view.error_line == 0 || line.first < view.error_line;
  if (line.keyword == df::Keyword::maintainer) {
    check_maintainer(view, line, findings);
  } else if (line.keyword == df::Keyword::from) {
    check_from(view, line, findings);
    const auto words = line.arguments();
    if (parsed && words.size() == 3)
      check_description(line, "FROM", {to_lower(words[2])}, findings);
  } else if (line.keyword == df::Keyword::arg && parsed) {
    check_description(line, "ARG", arg_names(line), findings);
  }
}

void check_spacing(const SyntaxView& view, const SourceLine& line, Findings& findings) {
  Finding finding{Rule::keyword_spacing, "", line.first, line.last_of_text, {}, {}};
  // Not always the first line: that may be nothing but an escape character.
  const df::Range keyword = line.text.range_of(line.statement.keyword);
  const std::string_view text = view.source.line(keyword.begin.line);
  if (is_written_as(view.source, keyword, line.statement.keyword)) {
    const std::string_view after = text.substr(keyword.end.column - 1);
    const auto blanks = std::min(after.find_first_not_of(" \t"), after.size());
    const bool continued = after.substr(blanks) == std::string_view(&view.escape, 1);
    if (blanks < after.size() && !continued && after.substr(0, blanks) != " " && blanks > 0) {
      finding.detail = "one blank is enough after the keyword";
      const auto end = keyword.end.column + static_cast<unsigned>(blanks);
      finding.fix.push_back({{keyword.end, {keyword.end.line, end}}, " "});
    }
  }
  for (unsigned number = line.first; number <= line.last_of_text; ++number) {
    const std::string_view row = view.source.line(number);
    const auto last = row.find_last_not_of(" \t");
    if (last == std::string_view::npos || last + 1 == row.size()) continue;
    if (df::trim_left_space(row).starts_with('#')) continue;
    // A quoted blank may be meant: an escape character before it is one of those.
    if (row[last] == view.escape && last > 0 && row[last - 1] == view.escape) continue;
    if (finding.detail.empty()) finding.detail = "blanks at the end of the line";
    finding.fix.push_back({{{number, static_cast<unsigned>(last) + 2},
                            {number, static_cast<unsigned>(row.size()) + 1}},
                           ""});
  }
  if (finding.fix.empty()) return;
  finding.range = finding.fix.front().range;
  finding.first_line = finding.last_line = finding.range.begin.line;
  findings.add(std::move(finding));
}

}  // namespace

bool is_written_as(const df::Source& source, df::Range range, std::string_view words) {
  if (range.begin.line != range.end.line) return false;
  const std::string_view line = source.line(range.begin.line);
  if (range.end.column > line.size() + 1) return false;
  return line.substr(range.begin.column - 1, range.end.column - range.begin.column) == words;
}

std::string quoted_literal(std::string_view text, char escape) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '$' || c == escape) out += escape;
    out += c;
  }
  return out + '"';
}

void check_syntax(const SyntaxView& view, Findings& findings) {
  const auto within = [&](const SourceLine& line) {
    return view.error_line == 0 || line.first <= view.error_line;
  };
  for (const SourceLine& line : view.lines) {
    findings.look_at({});
    if (within(line)) check_empty_continuation(view, line, findings);
  }
  for (const SourceLine& line : view.lines) {
    if (within(line)) check_line(view, line, findings);
  }
  for (const SourceLine& line : view.lines) {
    findings.look_at(line.text.comments);
    if (within(line)) check_spacing(view, line, findings);
  }
}

}  // namespace kiln::lint
