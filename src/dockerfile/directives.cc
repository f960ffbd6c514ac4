// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/directives.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

struct Directive {
  std::string name;
  Word value;
};

bool is_directive_blank(char c) { return is_blank(c) && c != '\v'; }

/// `# name = value` with one of the three known names; what is anything else ends the directives.
std::optional<Directive> parse_directive(std::string_view line, unsigned number,
                                         std::string_view comment) {
  std::string_view rest = line;
  if (!rest.starts_with(comment)) return std::nullopt;
  rest = trim_left_space(rest.substr(comment.size()));
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  std::string_view name = rest.substr(0, equals);
  while (!name.empty() && is_directive_blank(name.back())) name.remove_suffix(1);
  const std::string key = to_lower(name);
  if (key != "syntax" && key != "escape" && key != "check") return std::nullopt;
  std::string_view value = rest.substr(equals + 1);
  while (!value.empty() && is_directive_blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_directive_blank(value.back())) value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  const auto column = static_cast<unsigned>(value.data() - line.data()) + 1;
  const Range range{{number, column}, {number, column + static_cast<unsigned>(value.size())}};
  return Directive{key, {std::string(value), range}};
}

bool has_shebang(const Source& source) { return source.line(1).starts_with("#!"); }

void take_escape(const Word& value, Directives& directives, std::vector<Diagnostic>& errors) {
  if (value.text == "\\" || value.text == "`") {
    directives.escape = value.text[0];
  } else {
    errors.push_back({value.range,
                      fmt::format("invalid escape token '{}' does not match ` or \\", value.text),
                      {}});
  }
}

std::optional<std::string> find_syntax_comment(const Source& source, std::string_view comment) {
  for (unsigned number = has_shebang(source) ? 2 : 1; number <= source.line_count(); ++number) {
    auto directive = parse_directive(source.line(number), number, comment);
    if (!directive) break;
    if (directive->name == "syntax") return std::move(directive->value.text);
  }
  return std::nullopt;
}

std::optional<std::string> find_syntax_json(const Source& source) {
  std::string_view text = source.text();
  if (has_shebang(source)) text.remove_prefix(source.raw_line(1).size());
  if (!trim_left_space(text).starts_with('{')) return std::nullopt;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto found = json.find("syntax");
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

}  // namespace

Directives parse_directives(const Source& source, std::vector<Diagnostic>& errors) {
  Directives directives;
  const bool shebang = has_shebang(source);
  directives.line_count = shebang ? 1 : 0;
  std::map<std::string, Position> seen_at;
  for (unsigned number = shebang ? 2 : 1; number <= source.line_count(); ++number) {
    const std::string_view raw = source.line(number);
    const std::string_view line = trim_left_space(raw);
    auto directive = parse_directive(line, number, "#");
    if (!directive) break;
    directives.line_count = number;
    const auto indent = static_cast<unsigned>(raw.size() - line.size());
    directive->value.range.begin.column += indent;
    directive->value.range.end.column += indent;

    const auto [first, is_first] =
        seen_at.try_emplace(directive->name, directive->value.range.begin);
    const bool seen = !is_first;
    if (seen && shebang) continue;
    if (seen) {
      errors.push_back({{first->second, directive->value.range.end},
                        fmt::format("only one {} parser directive can be used", directive->name),
                        {}});
      continue;
    }
    if (directive->name == "syntax") {
      directives.syntax = std::move(directive->value);
    } else if (directive->name == "check") {
      directives.check = std::move(directive->value);
    } else {
      if (!shebang) take_escape(directive->value, directives, errors);
    }
  }
  return directives;
}

std::optional<std::string> find_syntax(const Source& source) {
  auto found = find_syntax_comment(source, "#");
  if (!found) found = find_syntax_comment(source, "//");
  if (!found) found = find_syntax_json(source);
  if (!found) return std::nullopt;
  return std::string(split_once(*found, ' ').first);
}

}  // namespace kiln::dockerfile
