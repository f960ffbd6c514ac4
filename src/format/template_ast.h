// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kiln::format::ast {

struct Pipeline;

enum class OperandKind { constant, dot, nil, field, variable, function, chain, pipeline };

/// One word of a command. `source` is its text as errors quote it.
struct Operand {
  OperandKind kind = OperandKind::dot;
  std::size_t position = 0;
  std::string source;
  nlohmann::json constant;
  /// Of a variable or a function.
  std::string name;
  /// `.A.B` of a field, a variable or a chain.
  std::vector<std::string> fields;
  /// Of a parenthesis, or of the parenthesis that a chain starts with.
  std::unique_ptr<Pipeline> pipeline;
  /// Of a chain that starts with anything else.
  std::unique_ptr<Operand> base;
};

struct Command {
  std::size_t position = 0;
  std::string source;
  std::vector<Operand> operands;
};

enum class Binding { declare, assign };

struct Pipeline {
  std::size_t position = 0;
  std::string source;
  Binding binding = Binding::declare;
  std::vector<std::string> variables;
  std::vector<Command> commands;
};

enum class StatementKind { text, action, condition, range, with, call, break_loop, continue_loop };

struct Statement {
  StatementKind kind = StatementKind::text;
  std::size_t position = 0;
  /// The text itself, or the name of the template that is called.
  std::string text;
  std::string source;
  Pipeline pipeline;
  std::vector<Statement> body;
  std::vector<Statement> otherwise;
};

struct Program {
  std::string text;
  /// By name; the outermost is "".
  std::map<std::string, std::vector<Statement>, std::less<>> templates;
};

}  // namespace kiln::format::ast
