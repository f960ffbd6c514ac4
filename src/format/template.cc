// SPDX-License-Identifier: Apache-2.0
#include "format/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "format/go_fmt.h"
#include "format/go_strconv.h"
#include "format/template_ast.h"
#include "format/template_functions.h"
#include "format/template_parser.h"

namespace kiln::format {
namespace {

using ast::Command;
using ast::Operand;
using ast::OperandKind;
using ast::Pipeline;
using ast::Statement;
using ast::StatementKind;

// Statements within statements and templates within templates, so that no recursion can exhaust the
// stack. Go stops at 100000 on its growing stacks.
constexpr int kMaxDepth = 250;

/// Something that a pipeline gives: a part of the data (not copied) or a value made on the way.
struct Value {
  std::shared_ptr<const Json> json;
  bool free_keys = false;
  bool is_list = false;
  bool is_pointer = false;
};

Value borrow(const Json& json) { return {{std::shared_ptr<void>(), &json}}; }
Value own(Json json) { return {std::make_shared<const Json>(std::move(json))}; }
std::string printed(const Value& value) {
  if (!value.json->is_null()) return print_value(*value.json);
  return value.free_keys    ? "map[]"
         : value.is_list    ? "[]"
         : value.is_pointer ? "<nil>"
                            : "<no value>";
}

/// A part of `whole`, which it keeps alive.
Value part(const Value& whole, const Json& json) { return {{whole.json, &json}}; }

enum class Flow { next, break_loop, continue_loop };

class Execution {
 public:
  Execution(const ast::Program& program, const RenderOptions& options, const Json& data,
            std::string& out)
      : program_(program), options_(options), data_(data), out_(out) {}

  Result<void> run() {
    auto root = borrow(data_);
    variables_ = {{"$", root}};
    TRY(statements(program_.templates.at(""), root));
    return {};
  }

 private:
  using Variables = std::vector<std::pair<std::string, Value>>;

  Error fail(std::size_t position, std::string_view source, std::string_view message) const {
    const std::string_view before = std::string_view(program_.text).substr(0, position);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto newline = before.rfind('\n');
    const auto column = newline == std::string_view::npos ? position : position - newline - 1;
    return invalid_input(fmt::format("template: :{}:{}: executing {} at <{}>: {}", line, column,
                                     quote(template_), source, message));
  }
  template <typename Node>
  Error fail(const Node& at, std::string_view message) const {
    return fail(at.position, at.source, message);
  }

  Result<Flow> statements(const std::vector<Statement>& list, const Value& dot) {
    for (const Statement& each : list) {
      const Flow flow = TRY(statement(each, dot));
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Result<Flow> statement(const Statement& each, const Value& dot) {
    switch (each.kind) {
      case StatementKind::text:
        out_.append(each.text);
        return Flow::next;
      case StatementKind::action: {
        const Value value = TRY(pipeline(each.pipeline, dot));
        if (each.pipeline.variables.empty()) out_.append(printed(value));
        return Flow::next;
      }
      case StatementKind::break_loop:
        return Flow::break_loop;
      case StatementKind::continue_loop:
        return Flow::continue_loop;
      case StatementKind::call:
        TRY(call(each, dot));
        return Flow::next;
      default:
        break;
    }
    if (++depth_ > kMaxDepth)
      return fail(each.position, each.pipeline.source,
                  fmt::format("exceeded maximum template depth ({})", kMaxDepth));
    const auto known = variables_.size();
    Flow flow = Flow::next;
    if (each.kind == StatementKind::range)
      flow = TRY(range(each, dot));
    else
      flow = TRY(choice(each, dot));
    variables_.erase(variables_.begin() + static_cast<std::ptrdiff_t>(known), variables_.end());
    --depth_;
    return flow;
  }

  Result<Flow> choice(const Statement& each, const Value& dot) {
    const Value value = TRY(pipeline(each.pipeline, dot));
    if (!is_true(*value.json)) return statements(each.otherwise, dot);
    return statements(each.body, each.kind == StatementKind::with ? value : dot);
  }

  Result<Flow> range(const Statement& each, const Value& dot) {
    const Value over = TRY(pipeline(each.pipeline, dot));
    const Json& json = *over.json;
    const auto known = variables_.size();
    const auto turn = [&](Json key, const Value& element) -> Result<Flow> {
      TRY(bind_loop(each.pipeline, own(std::move(key)), element));
      const Flow flow = TRY(statements(each.body, element));
      variables_.erase(variables_.begin() + static_cast<std::ptrdiff_t>(known), variables_.end());
      return flow;
    };
    if (json.is_number_integer()) {
      if (each.pipeline.variables.size() > 1)
        return fail(
            each.pipeline,
            fmt::format("can't use {} to iterate over more than one variable", print_value(json)));
      const auto count = json.get<std::int64_t>();
      for (std::int64_t i = 0; i < count; ++i) {
        const Flow flow = TRY(turn(i, own(i)));
        if (flow == Flow::break_loop) break;
      }
      if (count > 0) return Flow::next;
    } else if (json.is_array()) {
      for (std::size_t i = 0; i < json.size(); ++i) {
        const Flow flow = TRY(turn(i, part(over, json[i])));
        if (flow == Flow::break_loop) break;
      }
      if (!json.empty()) return Flow::next;
    } else if (json.is_object()) {
      for (const auto& item : json.items()) {
        const Flow flow = TRY(turn(item.key(), part(over, item.value())));
        if (flow == Flow::break_loop) break;
      }
      if (!json.empty()) return Flow::next;
    } else if (!json.is_null()) {
      return fail(each.pipeline, "range can't iterate over " + print_value(json));
    }
    return statements(each.otherwise, dot);
  }

  /// With one variable it is the element, with two the first is its key.
  Result<void> bind_loop(const Pipeline& bound, const Value& key, const Value& element) {
    const auto& names = bound.variables;
    if (names.empty()) return {};
    if (bound.binding == ast::Binding::assign) {
      TRY(assign(bound, names[0], names.size() > 1 ? key : element));
      if (names.size() > 1) TRY(assign(bound, names[1], element));
      return {};
    }
    variables_.emplace_back(names[0], names.size() > 1 ? key : element);
    if (names.size() > 1) variables_.emplace_back(names[1], element);
    return {};
  }

  Result<void> assign(const Pipeline& at, const std::string& name, const Value& value) {
    for (auto variable = variables_.rbegin(); variable != variables_.rend(); ++variable) {
      if (variable->first != name) continue;
      variable->second = value;
      return {};
    }
    return fail(at.commands[0], "undefined variable: " + name);
  }

  Result<void> call(const Statement& each, const Value& dot) {
    const auto found = program_.templates.find(each.text);
    if (found == program_.templates.end() || each.text.empty())
      return fail(each, fmt::format("template {} not defined", quote(each.text)));
    if (++depth_ > kMaxDepth)
      return fail(each, fmt::format("exceeded maximum template depth ({})", kMaxDepth));
    Value data = own(nullptr);
    if (!each.pipeline.commands.empty()) data = TRY(pipeline(each.pipeline, dot));
    Variables outer_variables = std::exchange(variables_, Variables{{"$", data}});
    std::string outer_template = std::exchange(template_, each.text);
    TRY(statements(found->second, data));
    variables_ = std::move(outer_variables);
    template_ = std::move(outer_template);
    --depth_;
    return {};
  }

  Result<Value> pipeline(const Pipeline& each, const Value& dot) {
    std::optional<Value> value;
    for (const Command& stage : each.commands) value = TRY(command(stage, dot, value));
    for (const std::string& name : each.variables) {
      if (each.binding == ast::Binding::assign)
        TRY(assign(each, name, *value));
      else
        variables_.emplace_back(name, *value);
    }
    return std::move(*value);
  }

  /// `piped` is the value of the stage before: one more argument at the end.
  Result<Value> command(const Command& each, const Value& dot, const std::optional<Value>& piped) {
    const Operand& first = each.operands[0];
    const bool has_arguments = each.operands.size() > 1 || piped.has_value();
    if (first.kind == OperandKind::function) return function(each, dot, piped);
    if (first.kind == OperandKind::nil) return fail(first, "nil is not a command");
    if (has_arguments) {
      if (!first.fields.empty())
        return fail(first,
                    fmt::format("{} is not a method but has arguments", first.fields.back()));
      return fail(first, "can't give argument to non-function " + first.source);
    }
    return operand(first, dot);
  }

  Result<Value> operand(const Operand& each, const Value& dot) {
    switch (each.kind) {
      case OperandKind::constant:
        return borrow(each.constant);
      case OperandKind::nil:
        return own(nullptr);
      case OperandKind::dot:
        return dot;
      case OperandKind::field:
        return fields(each, dot);
      case OperandKind::variable:
        for (auto variable = variables_.rbegin(); variable != variables_.rend(); ++variable)
          if (variable->first == each.name) return fields(each, variable->second);
        return fail(each, "undefined variable: " + each.name);
      case OperandKind::pipeline:
        return pipeline(*each.pipeline, dot);
      case OperandKind::chain: {
        const Value base = TRY(operand(*each.base, dot));
        return fields(each, base);
      }
      case OperandKind::function: {
        Command alone;
        alone.position = each.position;
        alone.source = each.source;
        alone.operands.emplace_back();
        Operand& name = alone.operands.back();
        name.kind = OperandKind::function;
        name.position = each.position;
        name.source = each.source;
        name.name = each.name;
        return function(alone, dot, std::nullopt);
      }
    }
    return own(nullptr);
  }

  Result<Value> fields(const Operand& each, Value value) {
    for (const std::string& name : each.fields) value = TRY(field(each, value, name));
    return value;
  }

  Result<Value> field(const Operand& at, const Value& of, const std::string& name) {
    const Json& json = *of.json;
    const bool lenient = of.free_keys || options_.missing_field == MissingField::no_value;
    if (json.is_object()) {
      const auto key = options_.field_keys.find(name);
      auto found = json.find(name);
      if (found == json.end() && key != options_.field_keys.end() && !of.free_keys) {
        found = json.find(key->second);
        if (found == json.end()) return own(nullptr);
      }
      if (found != json.end()) {
        Value value = part(of, *found);
        value.free_keys = options_.map_fields.contains(name);
        value.is_list = options_.list_fields.contains(name);
        return value;
      }
      if (lenient) return own(nullptr);
      if (const auto zero = options_.left_out.find(name); zero != options_.left_out.end()) {
        Value value = own(zero->second);
        value.free_keys = options_.map_fields.contains(name);
        value.is_list = options_.list_fields.contains(name);
        value.is_pointer = zero->second.is_null();
        return value;
      }
      return fail(at, fmt::format("map has no entry for key {}", quote(name)))
          .with_hint(field_hint(json, name));
    }
    if (json.is_null()) {
      if (lenient) return own(nullptr);
      return fail(at, fmt::format("nil data; no entry for key {}", quote(name)));
    }
    return fail(at, fmt::format("can't evaluate field {} in type {}", name, type_name(json)));
  }

  static std::string field_hint(const Json& json, const std::string& name) {
    std::vector<std::string> known;
    for (const auto& item : json.items()) known.push_back("." + item.key());
    if (known.empty()) return {};
    const auto nearest = nearest_word("." + name, known);
    return fmt::format("{}it has {}", nearest ? fmt::format("did you mean {}? ", *nearest) : "",
                       join(known, " "));
  }

  Result<Value> function(const Command& each, const Value& dot, const std::optional<Value>& piped) {
    const Operand& name = each.operands[0];
    const Function& called = *find_function(name.name);
    const std::size_t count = each.operands.size() - 1 + (piped ? 1 : 0);
    if (count < called.min_arguments || count > called.max_arguments)
      return fail(name, fmt::format("wrong number of args for {}: want {}{} got {}", name.name,
                                    called.max_arguments == Function::kAnyNumber ? "at least " : "",
                                    called.min_arguments, count));
    const bool is_and = name.name == "and";
    const bool stops_early = is_and || name.name == "or";
    CallContext context{.options = options_};
    std::vector<Json> values;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_piped = i + 1 == each.operands.size();
      const Operand& source = is_piped ? name : each.operands[i + 1];
      Value value;
      if (is_piped) {
        value = *piped;
      } else {
        value = TRY(operand(source, dot));
      }
      const Parameter wanted = i < called.parameters.size() ? called.parameters[i] : Parameter::any;
      TRY(check(source, *value.json, wanted));
      if (stops_early && is_true(*value.json) != is_and) return value;
      if (i == 0) {
        context.first_is_row = value.json.get() == &data_;
        context.first_has_free_keys = value.free_keys;
      }
      if (wanted == Parameter::text && value.json->is_null())
        values.emplace_back("");
      else
        values.push_back(*value.json);
    }
    auto result = called.run(context, values);
    if (!result.ok())
      return fail(each, fmt::format("error calling {}: {}", name.name, result.error().message()));
    return own(std::move(result).value());
  }

  /// Whether an argument has the type that its function wants.
  Result<void> check(const Operand& source, const Json& value, Parameter wanted) const {
    const char* go_type = "";
    const char* noun = "";
    switch (wanted) {
      case Parameter::any:
        return {};
      case Parameter::text:
        // A map's missing value is Go's empty string.
        if (value.is_string() || (value.is_null() && source.kind != OperandKind::nil)) return {};
        go_type = noun = "string";
        break;
      case Parameter::integer:
        if (value.is_number_integer()) return {};
        go_type = "int";
        noun = "integer";
        break;
      case Parameter::list:
        if (value.is_array() || (value.is_null() && source.kind != OperandKind::nil)) return {};
        go_type = "[]string";
        break;
    }
    if (source.kind == OperandKind::nil)
      return fail(source, fmt::format("cannot assign nil to {}", go_type));
    if (source.kind == OperandKind::constant && wanted == Parameter::list)
      return fail(source,
                  fmt::format("can't handle {} for arg of type {}", source.source, go_type));
    if (source.kind == OperandKind::constant)
      return fail(source, fmt::format("expected {}; found {}", noun, source.source));
    return fail(source, fmt::format("wrong type for value; expected {}; got {}", go_type,
                                    type_name(value)));
  }

  const ast::Program& program_;
  const RenderOptions& options_;
  const Json& data_;
  std::string& out_;
  std::string template_;
  Variables variables_;
  int depth_ = 0;
};

}  // namespace

Result<Template> Template::parse(std::string_view text) {
  auto program = TRY(parse_template(text));
  return Template(std::make_shared<const ast::Program>(std::move(program)));
}

Result<std::string> Template::render(const nlohmann::json& data,
                                     const RenderOptions& options) const {
  std::string out;
  TRY(render_to(out, data, options));
  return out;
}

Result<void> Template::render_to(std::string& out, const nlohmann::json& data,
                                 const RenderOptions& options) const {
  return Execution(*program_, options, data, out).run();
}

}  // namespace kiln::format
