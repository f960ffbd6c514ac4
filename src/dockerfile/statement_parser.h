// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/instructions.h"
#include "dockerfile/keywords.h"
#include "dockerfile/lexer.h"

namespace kiln::dockerfile {

/// What parsing a statement finds besides the instruction.
struct Findings {
  std::vector<Diagnostic> errors;
  std::vector<Diagnostic> warnings;
  /// An error is about the form of the arguments, which BuildKit reads before it knows what to make
  /// of the instruction: ONBUILD fails of it too.
  bool malformed = false;
};

/// A statement on its way to becoming an instruction.
struct Request {
  const LogicalLine& line;
  const Statement& statement;
  Keyword keyword;
  /// Complete with their contents.
  const std::vector<Heredoc>& heredocs;
  char escape;
  Findings& findings;

  std::string_view name() const { return keyword_name(keyword); }
  /// Reports an error about a part of the line's text, or about the keyword.
  void fail_at(std::string_view part, std::string message, std::string hint = {}) const;
  void fail(std::string message, std::string hint = {}) const {
    fail_at(statement.keyword, std::move(message), std::move(hint));
  }
  void fail(Range range, std::string message, std::string hint = {}) const;
  void fail_malformed(std::string_view part, std::string message, std::string hint = {}) const {
    findings.malformed = true;
    fail_at(part, std::move(message), std::move(hint));
  }
};

/// The error for `word` in a keyword's place; what can't be seen of it is named.
Diagnostic unknown_instruction(const LogicalLine& line, std::string_view word);

/// One per group of instructions; nullopt after at least one error was reported.
std::optional<InstructionValue> parse_copy(const Request& request);
std::optional<InstructionValue> parse_run(const Request& request);
std::optional<InstructionValue> parse_cmd(const Request& request);
std::optional<InstructionValue> parse_entrypoint(const Request& request);
std::optional<InstructionValue> parse_shell(const Request& request);
std::optional<InstructionValue> parse_healthcheck(const Request& request);
std::optional<InstructionValue> parse_env(const Request& request);
std::optional<InstructionValue> parse_label(const Request& request);
std::optional<InstructionValue> parse_arg(const Request& request);
std::optional<InstructionValue> parse_one_word(const Request& request);
std::optional<InstructionValue> parse_expose(const Request& request);
std::optional<InstructionValue> parse_volume(const Request& request);
std::optional<InstructionValue> parse_onbuild(const Request& request);
std::optional<From> parse_from(const Request& request);

/// Any instruction but FROM.
std::optional<InstructionValue> parse_value(const Request& request);

/// Words separated by blanks, or the strings of a JSON array; nullopt after an error.
std::optional<std::vector<Word>> parse_list(const Request& request);
/// Exec or shell form of `text`; nullopt after an error.
std::optional<CommandLine> parse_command(const Request& request, std::string_view text);

}  // namespace kiln::dockerfile
