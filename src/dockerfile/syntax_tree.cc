// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/syntax_tree.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "dockerfile/command_line.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/key_values.h"
#include "dockerfile/keywords.h"
#include "dockerfile/lexer.h"
#include "dockerfile/parser.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

using json = nlohmann::ordered_json;

std::string range_json(Range range) {
  return fmt::format("{}:{}-{}:{}", range.begin.line, range.begin.column, range.end.line,
                     range.end.column);
}

class TreeWriter {
 public:
  TreeWriter(const LogicalLine& line, char escape) : line_(&line), escape_(escape) {}

  json statement(const Statement& statement) const {
    json out = json::object();
    const auto keyword = find_keyword(statement.keyword);
    out["instruction"] = keyword ? std::string(keyword_name(*keyword)) : statement.keyword;
    for (const Flag& flag : statement.flags) {
      json& entry = out["flags"].emplace_back(json{{"name", flag.name}});
      if (flag.value) entry["value"] = *flag.value;
      entry["range"] = range_json(flag.range);
    }
    if (keyword == Keyword::onbuild) {
      out["trigger"] = this->statement(split_statement(*line_, statement.arguments, escape_));
    } else if (keyword) {
      add_arguments(*keyword, statement.arguments, out);
    }
    return out;
  }

 private:
  void add_arguments(Keyword keyword, std::string_view text, json& out) const {
    switch (keyword) {
      case Keyword::run:
      case Keyword::cmd:
      case Keyword::entrypoint:
      case Keyword::shell:
        add_command(text, "text", out);
        break;
      case Keyword::healthcheck:
        add_healthcheck(text, out);
        break;
      case Keyword::add:
      case Keyword::copy:
      case Keyword::volume:
        add_command(text, "words", out);
        break;
      case Keyword::from:
      case Keyword::expose:
        add_words(split_blanks(text), "words", out);
        break;
      case Keyword::arg:
        add_words(split_quoted_words(text, escape_), "pairs", out);
        break;
      case Keyword::env:
      case Keyword::label:
        add_pairs(text, out);
        break;
      default:
        add_words({text}, "text", out);
        break;
    }
  }

  void add_words(const std::vector<std::string_view>& words, const char* form, json& out) const {
    out["form"] = form;
    json& arguments = out["arguments"] = json::array();
    for (const std::string_view word : words) {
      if (word.empty()) continue;
      arguments.push_back({{"text", word}, {"range", range_json(line_->range_of(word))}});
    }
  }

  /// A JSON array, or else words or one text.
  void add_command(std::string_view text, const char* other_form, json& out) const {
    const JsonArray array = parse_json_array(text);
    if (array.form != JsonForm::strings) {
      const bool split = other_form == std::string_view("words");
      add_words(split ? split_blanks(text) : std::vector{text}, other_form, out);
      return;
    }
    out["form"] = "json";
    json& arguments = out["arguments"] = json::array();
    for (const JsonItem& item : array.items) {
      arguments.push_back(
          {{"text", item.value}, {"range", range_json(line_->range_of(item.literal))}});
    }
  }

  void add_healthcheck(std::string_view text, json& out) const {
    const auto [type, command] = split_first_blank(text);
    add_command(command.value_or(text.substr(text.size())), "text", out);
    const json first = {{"text", type}, {"range", range_json(line_->range_of(type))}};
    json& arguments = out["arguments"];
    arguments.insert(arguments.begin(), first);
  }

  void add_pairs(std::string_view text, json& out) const {
    const auto words = split_quoted_words(text, escape_);
    if (words.empty() || words[0].find('=') != std::string_view::npos) {
      add_words(words, "pairs", out);
      return;
    }
    const auto [name, value] = split_first_blank(text);
    add_words({name, value.value_or("")}, "legacy-pair", out);
  }

  const LogicalLine* line_;
  char escape_;
};

json heredoc_json(const Heredoc& heredoc) {
  return {{"name", heredoc.name},         {"expand", heredoc.expand},
          {"chomp", heredoc.chomp},       {"content", heredoc.content},
          {"line", heredoc.content_line}, {"range", range_json(heredoc.range)}};
}

json line_json(LineReader& reader, const LogicalLine& line, char escape) {
  const Statement statement = split_statement(line, line.text(), escape);
  json node = TreeWriter(line, escape).statement(statement);
  std::vector<Diagnostic> reported_by_parse;
  for (Heredoc& heredoc : find_heredocs(line, statement, escape, reported_by_parse)) {
    if (!reader.read_heredoc(heredoc)) break;
    node["heredocs"].push_back(heredoc_json(heredoc));
  }
  if (!line.comments.empty()) node["comments"] = line.comments;
  node["original"] = statement.all;
  node["range"] = range_json(line.range());
  return node;
}

}  // namespace

Result<std::string> syntax_tree(std::string name, std::string text) {
  const Dockerfile file = TRY(parse(std::move(name), std::move(text)));
  const char escape = file.directives.escape;
  json out = {{"escape", std::string(1, escape)}};
  if (file.directives.syntax) out["syntax"] = file.directives.syntax->text;
  if (file.directives.check) out["check"] = file.directives.check->text;
  json& instructions = out["instructions"] = json::array();
  std::vector<Diagnostic> reported_by_parse;
  LineReader reader(file.source, escape, reported_by_parse);
  reader.go_to(file.directives.line_count + 1);
  for (;;) {
    LogicalLine line;
    if (!reader.next(line)) break;
    instructions.push_back(line_json(reader, line, escape));
  }
  return indented_json(out);
}

}  // namespace kiln::dockerfile
