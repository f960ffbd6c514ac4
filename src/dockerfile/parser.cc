// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/parser.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/lexer.h"
#include "dockerfile/statement_parser.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

/// Little of such a file would be told apart, and none of it rightly.
std::optional<Diagnostic> find_utf16(const Source& source) {
  const std::string& text = source.text();
  if (!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF")) return std::nullopt;
  return Diagnostic{
      {{1, 1}, {1, 2}}, "invalid UTF-8", "this looks like UTF-16: save the file as UTF-8"};
}

/// A NUL byte can be in what only the image's config has; not in a path, a command or a name.
bool may_hold_nul(Keyword keyword) {
  switch (keyword) {
    case Keyword::arg:
    case Keyword::cmd:
    case Keyword::entrypoint:
    case Keyword::env:
    case Keyword::healthcheck:
    case Keyword::label:
    case Keyword::maintainer:
    case Keyword::onbuild:
    case Keyword::shell:
    case Keyword::user:
    case Keyword::volume:
      return true;
    default:
      return false;
  }
}

class FileParser {
 public:
  explicit FileParser(Source source) { file_.source = std::move(source); }

  Result<Dockerfile> run();
  /// For text that is a single instruction.
  Result<Instruction> run_single(char escape);

 private:
  void parse_line(LineReader& reader, const LogicalLine& line);
  void parse_statement(const LogicalLine& line, const Statement& statement,
                       const std::vector<Heredoc>& heredocs, Range range);
  /// The shell's command line is text to the runtime, and to BuildKit.
  void check_utf8(const LogicalLine& line, const Run& run);
  void add_instruction(Instruction instruction);
  std::vector<Heredoc> read_heredocs(LineReader& reader, const LogicalLine& line,
                                     const Statement& statement);
  void fail(Range range, std::string message, std::string hint = {}) {
    findings_.errors.push_back({range, std::move(message), std::move(hint)});
  }

  Dockerfile file_;
  Findings findings_;
  bool seen_from_ = false;
  bool missing_from_reported_ = false;
};

std::vector<Heredoc> FileParser::read_heredocs(LineReader& reader, const LogicalLine& line,
                                               const Statement& statement) {
  const bool known = find_keyword(statement.keyword).has_value();
  std::vector<Diagnostic> ignored;
  auto heredocs =
      find_heredocs(line, statement, file_.directives.escape, known ? findings_.errors : ignored);
  for (Heredoc& heredoc : heredocs) {
    if (reader.read_heredoc(heredoc)) continue;
    // The rest of the file may well be the content: errors in it would only distract.
    if (!known) break;
    fail(heredoc.range, "unterminated heredoc",
         fmt::format("end it with a line that is just {}", heredoc.name));
    reader.go_to(file_.source.line_count() + 1);
    break;
  }
  return heredocs;
}

void FileParser::check_utf8(const LogicalLine& line, const Run& run) {
  const auto refuse = [this](Range range) {
    fail(range, "invalid UTF-8 in a command",
         "save the file as UTF-8, or write the byte as an escape: printf '\\351'");
  };
  if (line.invalid_utf8()) refuse(*line.invalid_utf8());
  // A script with an interpreter of its own is a file, and has any bytes.
  if (run.heredoc_only && run.heredocs.size() == 1 &&
      run.heredocs[0].file_content().starts_with("#!"))
    return;
  for (const Heredoc& heredoc : run.heredocs) {
    unsigned number = heredoc.content_line;
    for (const std::string_view text : split(heredoc.content, '\n')) {
      if (const auto invalid = find_invalid_utf8(text)) {
        const auto column = static_cast<unsigned>(*invalid) + 1;
        return refuse({{number, column}, {number, column + 1}});
      }
      ++number;
    }
  }
}

void FileParser::add_instruction(Instruction instruction) {
  if (!file_.stages.empty()) {
    file_.stages.back().instructions.push_back(std::move(instruction));
  } else if (std::holds_alternative<Arg>(instruction.value)) {
    file_.global_args.push_back(std::move(instruction));
  }
}

void FileParser::parse_line(LineReader& reader, const LogicalLine& line) {
  const auto known_errors = findings_.errors.size();
  const Statement statement = split_statement(line, line.text(), file_.directives.escape);
  const auto heredocs = read_heredocs(reader, line, statement);
  Range range = line.range();
  if (reader.line_number() > range.end.line + 1) {
    const unsigned last = reader.line_number() - 1;
    range.end = {last, static_cast<unsigned>(file_.source.line(last).size()) + 1};
  }
  if (line.empty_continuation) {
    const Position at{*line.empty_continuation, 1};
    findings_.warnings.push_back({{at, at},
                                  "Empty continuation line",
                                  "empty continuation lines will become errors in a future "
                                  "release of the language: remove the line"});
  }
  parse_statement(line, statement, heredocs, range);
  for (std::size_t i = known_errors; i < findings_.errors.size(); ++i) {
    findings_.errors[i].within = range;
  }
}

void FileParser::parse_statement(const LogicalLine& line, const Statement& statement,
                                 const std::vector<Heredoc>& heredocs, Range range) {
  const auto keyword = find_keyword(statement.keyword);
  if (!keyword) {
    findings_.errors.push_back(unknown_instruction(line, statement.keyword));
    return;
  }
  const auto nul = statement.all.find('\0');
  if (nul != std::string_view::npos && !may_hold_nul(*keyword)) {
    fail(line.range_of(statement.all.substr(nul, 1)), "NUL byte",
         fmt::format("no path, name or command of {} can have one", keyword_name(*keyword)));
    return;
  }
  const Request request{line, statement, *keyword, heredocs, file_.directives.escape, findings_};
  std::string original(statement.all);
  if (*keyword == Keyword::from) {
    seen_from_ = true;
    auto from = parse_from(request);
    if (!from) return;
    Stage& stage = file_.stages.emplace_back();
    stage.from = std::move(*from);
    stage.range = range;
    stage.original = std::move(original);
    stage.comments = line.comments;
    if (stage.from.name) stage.name = stage.from.name->text;
    return;
  }
  if (!seen_from_ && *keyword != Keyword::arg && !missing_from_reported_) {
    missing_from_reported_ = true;
    fail(line.range_of(statement.keyword), "no build stage in current context",
         "only ARG may stand before the first FROM");
  }
  if (auto value = parse_value(request)) {
    if (const auto* run = std::get_if<Run>(&*value)) check_utf8(line, *run);
    Instruction instruction;
    instruction.value = std::move(*value);
    instruction.range = range;
    instruction.keyword = keyword_name(*keyword);
    instruction.original = std::move(original);
    instruction.comments = line.comments;
    add_instruction(std::move(instruction));
  }
}

Result<Dockerfile> FileParser::run() {
  const Source& source = file_.source;
  if (source.text().empty()) {
    return invalid_input(source.name() + ": the Dockerfile cannot be empty");
  }
  if (auto foreign = find_utf16(source)) return to_error(source, {std::move(*foreign)});
  file_.directives = parse_directives(source, findings_.errors);

  LineReader reader(source, file_.directives.escape, findings_.errors);
  reader.go_to(file_.directives.line_count + 1);
  bool any = false;
  for (;;) {
    LogicalLine line;
    if (!reader.next(line)) break;
    any = true;
    parse_line(reader, line);
  }
  const Position end{source.line_count(), 1};
  if (!any) fail({end, end}, "file with no instructions");
  if (any && !seen_from_ && findings_.errors.empty()) {
    fail({{1, 1}, {1, 1}}, "dockerfile contains no stages to build", "add a FROM instruction");
  }
  if (!findings_.errors.empty()) return to_error(source, std::move(findings_.errors));
  file_.warnings = std::move(findings_.warnings);
  return std::move(file_);
}

Result<Instruction> FileParser::run_single(char escape) {
  const Source& source = file_.source;
  file_.directives.escape = escape;
  seen_from_ = true;
  file_.stages.emplace_back();
  LineReader reader(source, escape, findings_.errors);
  LogicalLine line;
  if (!reader.next(line)) return invalid_input(source.name() + ": no instruction");
  const auto keyword = find_keyword(split_statement(line, line.text(), escape).keyword);
  if (keyword == Keyword::from || keyword == Keyword::maintainer || keyword == Keyword::onbuild) {
    fail(line.range(),
         fmt::format("{} isn't allowed as an ONBUILD trigger", keyword_name(*keyword)));
    return to_error(source, std::move(findings_.errors));
  }
  parse_line(reader, line);
  LogicalLine more;
  if (reader.next(more)) fail(more.range(), "onbuild trigger should be a single expression");
  if (!findings_.errors.empty()) return to_error(source, std::move(findings_.errors));
  return std::move(file_.stages.back().instructions.front());
}

}  // namespace

Result<Dockerfile> parse(std::string name, std::string text) {
  return FileParser(Source(std::move(name), std::move(text))).run();
}

Result<Instruction> parse_instruction(std::string_view text, char escape) {
  return FileParser(Source("ONBUILD trigger", std::string(text))).run_single(escape);
}

}  // namespace kiln::dockerfile
