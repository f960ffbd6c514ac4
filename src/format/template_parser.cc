// SPDX-License-Identifier: Apache-2.0
#include "format/template_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "format/go_strconv.h"
#include "format/template_constants.h"
#include "format/template_functions.h"
#include "format/template_lexer.h"

namespace kiln::format {
namespace {

using ast::Binding;
using ast::Command;
using ast::Operand;
using ast::OperandKind;
using ast::Pipeline;
using ast::Statement;
using ast::StatementKind;

// Deeper nesting of parentheses and blocks is refused, so that no text can exhaust the stack.
constexpr int kMaxNesting = 250;

enum class Ending { none, end, otherwise };

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(lex_template(text)) {
    program_.text = std::string(text);
  }

  Result<ast::Program> run() {
    std::vector<Statement> top;
    while (peek().kind != TokenKind::end_of_text) {
      if (peek().kind == TokenKind::left_delimiter &&
          next_word().kind == TokenKind::define_keyword) {
        TRY(definition());
        continue;
      }
      const Ending ending = TRY(statement(top));
      if (ending == Ending::end) return error("unexpected {{end}}");
      if (ending == Ending::otherwise) return error("unexpected {{else}}");
    }
    program_.templates[""] = std::move(top);
    return std::move(program_);
  }

 private:
  const Token& peek() const { return tokens_[position_]; }
  const Token& next() {
    const Token& token = tokens_[position_];
    if (position_ + 1 < tokens_.size()) ++position_;
    return token;
  }
  void skip_space() {
    while (peek().kind == TokenKind::space) next();
  }
  const Token& next_non_space() {
    skip_space();
    return next();
  }
  const Token& peek_non_space() {
    skip_space();
    return peek();
  }
  /// The word behind a left delimiter that is next.
  const Token& next_word() const {
    std::size_t i = position_ + 1;
    while (tokens_[i].kind == TokenKind::space) ++i;
    return tokens_[i];
  }

  Error error(std::string_view message) const {
    const auto last = tokens_[position_ > 0 ? position_ - 1 : 0].position;
    const auto where = peek().kind == TokenKind::error ? peek().position : last;
    const auto line = std::count(program_.text.begin(),
                                 program_.text.begin() + static_cast<std::ptrdiff_t>(where), '\n');
    return invalid_input(fmt::format("template: :{}: {}", line + 1, message));
  }
  /// A value, or what is wrong with it at this place.
  template <typename Value>
  Result<Value> placed(Result<Value> value) const {
    if (!value) return error(value.error().message());
    return value;
  }
  Error unexpected(const Token& token, std::string_view context) const {
    if (token.kind == TokenKind::error) return error(token.text);
    return error(fmt::format("unexpected {} in {}", describe(token), context));
  }
  Result<void> expect(TokenKind kind, std::string_view context) {
    const Token& token = next_non_space();
    if (token.kind != kind) return unexpected(token, context);
    return {};
  }

  Result<void> enter() {
    if (++nesting_ > kMaxNesting) return error("nested too deeply");
    return {};
  }

  /// One text or action. Of `{{end}}` and `{{else}}` it says which, the latter only up to its word.
  Result<Ending> statement(std::vector<Statement>& into) {
    const Token& token = next_non_space();
    if (token.kind == TokenKind::text) {
      Statement text;
      text.position = token.position;
      text.text = token.text;
      into.push_back(std::move(text));
      return Ending::none;
    }
    if (token.kind == TokenKind::left_delimiter) return action(into);
    return unexpected(token, "input");
  }

  Result<Ending> action(std::vector<Statement>& into) {
    skip_space();
    const auto start = position_;
    const Token& token = next();
    switch (token.kind) {
      case TokenKind::end_keyword:
        TRY(expect(TokenKind::right_delimiter, "end"));
        return Ending::end;
      case TokenKind::else_keyword:
        TRY(else_word());
        return Ending::otherwise;
      case TokenKind::if_keyword:
        TRY(control(into, StatementKind::condition, token.position));
        return Ending::none;
      case TokenKind::range_keyword:
        TRY(control(into, StatementKind::range, token.position));
        return Ending::none;
      case TokenKind::with_keyword:
        TRY(control(into, StatementKind::with, token.position));
        return Ending::none;
      case TokenKind::break_keyword:
        TRY(loop_exit(into, StatementKind::break_loop, "{{break}}"));
        return Ending::none;
      case TokenKind::continue_keyword:
        TRY(loop_exit(into, StatementKind::continue_loop, "{{continue}}"));
        return Ending::none;
      case TokenKind::template_keyword:
        TRY(call(into));
        return Ending::none;
      case TokenKind::block_keyword:
        TRY(block(into));
        return Ending::none;
      default:
        break;
    }
    position_ = start;
    Statement made;
    made.kind = StatementKind::action;
    made.position = token.position;
    made.pipeline = TRY(pipeline("command", TokenKind::right_delimiter));
    into.push_back(std::move(made));
    return Ending::none;
  }

  /// Behind `else`: nothing more, or an `if` or `with` that belongs to it and is left to the
  /// caller.
  Result<void> else_word() {
    const TokenKind kind = peek_non_space().kind;
    if (kind == TokenKind::if_keyword || kind == TokenKind::with_keyword) return {};
    return expect(TokenKind::right_delimiter, "else");
  }

  Result<void> control(std::vector<Statement>& into, StatementKind kind, std::size_t position) {
    TRY(enter());
    const bool loops = kind == StatementKind::range;
    const auto known = variables_.size();
    Statement made;
    made.kind = kind;
    made.position = position;
    made.pipeline = TRY(pipeline(loops                              ? "range"
                                 : kind == StatementKind::condition ? "if"
                                                                    : "with",
                                 TokenKind::right_delimiter));
    loops_ += loops ? 1 : 0;
    const Ending ending = TRY(statements(made.body));
    loops_ -= loops ? 1 : 0;
    if (ending == Ending::otherwise) {
      const auto chained = kind == StatementKind::condition ? TokenKind::if_keyword
                           : kind == StatementKind::with    ? TokenKind::with_keyword
                                                            : TokenKind::error;
      if (peek().kind == chained) {
        // The inner statement's {{end}} closes this one as well.
        const auto inner = next().position;
        TRY(control(made.otherwise, kind, inner));
      } else {
        const Ending last = TRY(statements(made.otherwise));
        if (last != Ending::end) return error("expected end; found {{else}}");
      }
    }
    variables_.resize(known);
    --nesting_;
    into.push_back(std::move(made));
    return {};
  }

  /// Up to an {{end}} or {{else}}.
  Result<Ending> statements(std::vector<Statement>& into) {
    while (peek_non_space().kind != TokenKind::end_of_text) {
      const Ending ending = TRY(statement(into));
      if (ending != Ending::none) return ending;
    }
    return error("unexpected EOF");
  }

  Result<void> loop_exit(std::vector<Statement>& into, StatementKind kind, std::string_view name) {
    const auto position = peek().position;
    TRY(expect(TokenKind::right_delimiter, name));
    if (loops_ == 0) return error(fmt::format("{} outside {{{{range}}}}", name));
    Statement made;
    made.kind = kind;
    made.position = position;
    into.push_back(std::move(made));
    return {};
  }

  Result<std::string> template_name(std::string_view context) {
    const Token& token = next_non_space();
    if (token.kind != TokenKind::quoted_string && token.kind != TokenKind::raw_string)
      return unexpected(token, context);
    return placed(string_value(token));
  }

  Result<void> call(std::vector<Statement>& into) {
    Statement made;
    made.kind = StatementKind::call;
    made.position = peek_non_space().position;
    made.text = TRY(template_name("template clause"));
    if (peek_non_space().kind == TokenKind::right_delimiter) {
      next();
    } else {
      made.pipeline = TRY(pipeline("template clause", TokenKind::right_delimiter));
    }
    made.source = fmt::format("{{{{template {}{}{}}}}}", quote(made.text),
                              made.pipeline.commands.empty() ? "" : " ", made.pipeline.source);
    into.push_back(std::move(made));
    return {};
  }

  Result<void> block(std::vector<Statement>& into) {
    Statement made;
    made.kind = StatementKind::call;
    made.position = peek_non_space().position;
    made.text = TRY(template_name("block clause"));
    made.pipeline = TRY(pipeline("block clause", TokenKind::right_delimiter));
    made.source = fmt::format("{{{{template {} {}}}}}", quote(made.text), made.pipeline.source);
    TRY(template_body(made.text, "block clause"));
    into.push_back(std::move(made));
    return {};
  }

  Result<void> definition() {
    next();
    next_non_space();
    const std::string name = TRY(template_name("define clause"));
    TRY(expect(TokenKind::right_delimiter, "define clause"));
    return template_body(name, "define clause");
  }

  Result<void> template_body(const std::string& name, std::string_view context) {
    TRY(enter());
    auto outer_variables = std::exchange(variables_, {"$"});
    const int outer_loops = std::exchange(loops_, 0);
    std::vector<Statement> body;
    const Ending ending = TRY(statements(body));
    if (ending != Ending::end) return error(fmt::format("unexpected {{{{else}}}} in {}", context));
    variables_ = std::move(outer_variables);
    loops_ = outer_loops;
    --nesting_;
    const bool fresh = program_.templates.try_emplace(name, std::move(body)).second;
    if (!fresh)
      return error(fmt::format("template: multiple definition of template {}", quote(name)));
    return {};
  }

  Result<Pipeline> pipeline(std::string_view context, TokenKind end) {
    TRY(enter());
    Pipeline made;
    made.position = peek_non_space().position;
    TRY(bindings(made, context));
    for (;;) {
      const Token& token = peek_non_space();
      if (token.kind == end) {
        next();
        break;
      }
      switch (token.kind) {
        case TokenKind::boolean:
        case TokenKind::character_constant:
        case TokenKind::dot:
        case TokenKind::field:
        case TokenKind::identifier:
        case TokenKind::number:
        case TokenKind::nil:
        case TokenKind::raw_string:
        case TokenKind::quoted_string:
        case TokenKind::variable:
        case TokenKind::left_parenthesis:
          break;
        default:
          next();
          return unexpected(token, context);
      }
      Command each = TRY(command());
      made.commands.push_back(std::move(each));
    }
    TRY(check_commands(made, context));
    made.source = source_of(made);
    --nesting_;
    return made;
  }

  static std::string source_of(const Pipeline& pipeline) {
    std::string out = kiln::join(pipeline.variables, ", ");
    if (!out.empty()) out.append(pipeline.binding == Binding::assign ? " = " : " := ");
    for (std::size_t i = 0; i < pipeline.commands.size(); ++i)
      out.append(i > 0 ? " | " : "").append(pipeline.commands[i].source);
    return out;
  }

  Result<void> check_commands(const Pipeline& made, std::string_view context) const {
    if (made.commands.empty()) return error(fmt::format("missing value for {}", context));
    for (std::size_t i = 1; i < made.commands.size(); ++i) {
      const OperandKind kind = made.commands[i].operands[0].kind;
      if (kind == OperandKind::constant || kind == OperandKind::dot || kind == OperandKind::nil)
        return error(fmt::format("non executable command in pipeline stage {}", i + 1));
    }
    return {};
  }

  /// `$a, $b :=` at the start of a pipeline, if it is there.
  Result<void> bindings(Pipeline& made, std::string_view context) {
    for (;;) {
      const auto start = position_;
      if (peek_non_space().kind != TokenKind::variable) return {};
      const Token& name = next();
      const Token& follower = peek_non_space();
      if (follower.kind == TokenKind::declare || follower.kind == TokenKind::assign) {
        next();
        made.binding = follower.kind == TokenKind::assign ? Binding::assign : Binding::declare;
        made.variables.push_back(name.text);
        variables_.push_back(name.text);
        return {};
      }
      if (follower.text != ",") {
        position_ = start;
        return {};
      }
      made.variables.push_back(name.text);
      variables_.push_back(name.text);
      next();
      if (context != "range" || made.variables.size() >= 2) {
        // As Go: a comma in any other place is reported where a value is expected.
        if (context != "range" || peek_non_space().kind == TokenKind::variable)
          return error(fmt::format("too many declarations in {}", context));
      }
      const TokenKind after = peek_non_space().kind;
      if (after != TokenKind::variable && after != TokenKind::right_delimiter &&
          after != TokenKind::right_parenthesis)
        return error("range can only initialize variables");
    }
  }

  Result<Command> command() {
    Command made;
    made.position = peek_non_space().position;
    for (;;) {
      skip_space();
      std::optional<Operand> found = TRY(operand());
      if (found) made.operands.push_back(std::move(*found));
      const Token& token = next();
      if (token.kind == TokenKind::space) continue;
      if (token.kind == TokenKind::right_delimiter || token.kind == TokenKind::right_parenthesis)
        --position_;
      else if (token.kind != TokenKind::pipe)
        return unexpected(token, "operand");
      break;
    }
    if (made.operands.empty()) return error("empty command");
    for (const Operand& each : made.operands)
      made.source.append(made.source.empty() ? "" : " ").append(each.source);
    return made;
  }

  /// A term with the fields behind it; nothing if no term is next.
  Result<std::optional<Operand>> operand() {
    std::optional<Operand> found = TRY(term());
    if (!found || peek().kind != TokenKind::field) return found;
    const auto position = peek().position;
    std::vector<std::string> fields;
    std::string source;
    while (peek().kind == TokenKind::field) {
      source.append(peek().text);
      fields.push_back(next().text.substr(1));
    }
    switch (found->kind) {
      case OperandKind::field:
      case OperandKind::variable:
        found->position = position;
        found->source.append(source);
        found->fields.insert(found->fields.end(), fields.begin(), fields.end());
        return found;
      case OperandKind::constant:
      case OperandKind::nil:
      case OperandKind::dot:
        return error(fmt::format("unexpected . after term {}", quote(found->source)));
      default:
        break;
    }
    Operand chain;
    chain.kind = OperandKind::chain;
    chain.position = position;
    chain.source = found->source + source;
    chain.fields = std::move(fields);
    chain.base = std::make_unique<Operand>(std::move(*found));
    return std::optional<Operand>(std::move(chain));
  }

  Result<std::optional<Operand>> term() {
    const Token& token = peek();
    Operand made;
    made.position = token.position;
    made.source = token.text;
    switch (token.kind) {
      case TokenKind::identifier:
        if (!find_function(token.text))
          return error(fmt::format("function {} not defined", quote(token.text)));
        made.kind = OperandKind::function;
        made.name = token.text;
        break;
      case TokenKind::dot:
        made.kind = OperandKind::dot;
        break;
      case TokenKind::nil:
        made.kind = OperandKind::nil;
        break;
      case TokenKind::variable:
        if (std::find(variables_.begin(), variables_.end(), token.text) == variables_.end())
          return error(fmt::format("undefined variable {}", quote(token.text)));
        made.kind = OperandKind::variable;
        made.name = token.text;
        break;
      case TokenKind::field:
        made.kind = OperandKind::field;
        made.fields = {token.text.substr(1)};
        break;
      case TokenKind::boolean:
      case TokenKind::character_constant:
      case TokenKind::number:
      case TokenKind::quoted_string:
      case TokenKind::raw_string:
        made.kind = OperandKind::constant;
        made.constant = TRY(placed(constant_value(token)));
        break;
      case TokenKind::left_parenthesis: {
        next();
        made.kind = OperandKind::pipeline;
        made.pipeline = std::make_unique<Pipeline>();
        *made.pipeline = TRY(pipeline("parenthesized pipeline", TokenKind::right_parenthesis));
        made.source = "(" + made.pipeline->source + ")";
        return std::optional<Operand>(std::move(made));
      }
      default:
        return std::optional<Operand>();
    }
    next();
    return std::optional<Operand>(std::move(made));
  }

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  ast::Program program_;
  std::vector<std::string> variables_ = {"$"};
  int loops_ = 0;
  int nesting_ = 0;
};

}  // namespace

Result<ast::Program> parse_template(std::string_view text) { return Parser(text).run(); }

}  // namespace kiln::format
