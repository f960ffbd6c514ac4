// SPDX-License-Identifier: Apache-2.0
// FROM, ONBUILD, and the choice of the parser for a keyword.
#include "dockerfile/statement_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "dockerfile/flags.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

/// What no editor shows though it is a part of a word; "" for anything else.
std::string_view invisible_name(char32_t rune) {
  switch (rune) {
    case 0:
      return "NUL byte";
    case 0xA0:
      return "no-break space";
    case 0xAD:
      return "soft hyphen";
    case 0x200B:
      return "zero width space";
    case 0x200C:
    case 0x200D:
      return "zero width joiner";
    case 0x2060:
      return "word joiner";
    case 0xFEFF:
      return "byte order mark, which only a file may begin with";
    default:
      return {};
  }
}

bool is_valid_stage_name(std::string_view name) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && is_lower(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_lower(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

/// The instruction with its heredocs' contents, in a form that can be parsed again.
std::string trigger_text(const Request& request) {
  const std::string& line = request.line.text();
  const char* after = request.statement.keyword.data() + request.statement.keyword.size();
  std::string text(trim_left_space({after, line.data() + line.size()}));
  for (const Heredoc& heredoc : request.heredocs) {
    text += '\n' + heredoc.content + heredoc.name;
  }
  return text;
}

std::shared_ptr<const Instruction> parse_trigger(const Request& request, const Statement& trigger) {
  const auto keyword = find_keyword(trigger.keyword);
  Findings findings;
  std::shared_ptr<Instruction> instruction;
  if (keyword) {
    const Request inner{request.line,     trigger,        *keyword,
                        request.heredocs, request.escape, findings};
    if (auto value = parse_value(inner)) {
      instruction = std::make_shared<Instruction>();
      instruction->value = std::move(*value);
      instruction->range = request.line.range_of(trigger.all);
      instruction->keyword = keyword_name(*keyword);
      instruction->original = trigger.all;
    }
  } else {
    findings.errors.push_back(unknown_instruction(request.line, trigger.keyword));
  }
  if (findings.malformed) {
    auto& errors = request.findings.errors;
    std::move(findings.errors.begin(), findings.errors.end(), std::back_inserter(errors));
    return nullptr;
  }
  for (Diagnostic& problem : findings.errors) {
    problem.message = "ONBUILD trigger will fail: " + problem.message;
    request.findings.warnings.push_back(std::move(problem));
  }
  return instruction;
}

}  // namespace

void Request::fail_at(std::string_view part, std::string message, std::string hint) const {
  fail(line.range_of(part), std::move(message), std::move(hint));
}

void Request::fail(Range range, std::string message, std::string hint) const {
  findings.errors.push_back({range, std::move(message), std::move(hint)});
}

Diagnostic unknown_instruction(const LogicalLine& line, std::string_view word) {
  Diagnostic out;
  out.range = line.range_of(word);
  std::string shown, visible;
  for (std::size_t pos = 0; pos < word.size();) {
    const Rune rune = decode_rune(word, pos);
    pos += rune.width;
    const auto name = invisible_name(rune.value);
    if (name.empty()) {
      append_rune(shown, rune.value);
      append_rune(visible, rune.value);
      continue;
    }
    fmt::format_to(std::back_inserter(shown), "<U+{:04X}>", static_cast<std::uint32_t>(rune.value));
    if (out.hint.empty()) out.hint = fmt::format("remove the {}", name);
  }
  const auto keyword = find_keyword(visible);
  const std::string suggestion = keyword
                                     ? fmt::format(" (did you mean {}?)", keyword_name(*keyword))
                                     : did_you_mean(visible, keyword_names());
  out.message = fmt::format("unknown instruction: {}{}", shown, suggestion);
  return out;
}

std::optional<From> parse_from(const Request& request) {
  const auto words = split_blanks(request.statement.arguments);
  From from;
  if (words.size() == 3 && equals_ignoring_case(words[1], "as")) {
    std::string name = to_lower(words[2]);
    if (!is_valid_stage_name(name)) {
      request.fail_at(words[2],
                      fmt::format("invalid name for build stage: \"{}\", name can't start with a "
                                  "number or contain symbols",
                                  words[2]));
      return std::nullopt;
    }
    from.name = Word{std::move(name), request.line.range_of(words[2])};
  } else if (words.size() != 1) {
    request.fail("FROM requires either one or three arguments",
                 "write FROM <image> or FROM <image> AS <name>");
    return std::nullopt;
  }
  const auto flags = FlagValues::check(request, {{"platform", FlagKind::text}});
  if (!flags) return std::nullopt;
  from.image = request.line.word(words[0]);
  from.platform = flags->text("platform");
  return from;
}

std::optional<InstructionValue> parse_onbuild(const Request& request) {
  const std::string_view arguments = request.statement.arguments;
  if (arguments.empty()) {
    request.fail("ONBUILD requires at least one argument");
    return std::nullopt;
  }
  if (!FlagValues::check(request, {})) return std::nullopt;
  const Statement trigger = split_statement(request.line, arguments, request.escape);
  const auto keyword = find_keyword(trigger.keyword);
  if (keyword == Keyword::onbuild) {
    request.fail_at(trigger.keyword, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    return std::nullopt;
  }
  if (keyword == Keyword::maintainer || keyword == Keyword::from) {
    request.fail_at(trigger.keyword,
                    fmt::format("{} isn't allowed as an ONBUILD trigger", keyword_name(*keyword)));
    return std::nullopt;
  }
  Onbuild onbuild;
  onbuild.text = trigger_text(request);
  onbuild.trigger = parse_trigger(request, trigger);
  onbuild.range = request.line.range_of(arguments);
  return onbuild;
}

std::optional<InstructionValue> parse_value(const Request& request) {
  switch (request.keyword) {
    case Keyword::add:
    case Keyword::copy:
      return parse_copy(request);
    case Keyword::arg:
      return parse_arg(request);
    case Keyword::cmd:
      return parse_cmd(request);
    case Keyword::entrypoint:
      return parse_entrypoint(request);
    case Keyword::env:
      return parse_env(request);
    case Keyword::expose:
      return parse_expose(request);
    case Keyword::healthcheck:
      return parse_healthcheck(request);
    case Keyword::label:
      return parse_label(request);
    case Keyword::onbuild:
      return parse_onbuild(request);
    case Keyword::run:
      return parse_run(request);
    case Keyword::shell:
      return parse_shell(request);
    case Keyword::maintainer:
    case Keyword::stopsignal:
    case Keyword::user:
    case Keyword::workdir:
      return parse_one_word(request);
    case Keyword::volume:
      return parse_volume(request);
    case Keyword::from:
      break;
  }
  request.fail("FROM isn't allowed here");
  return std::nullopt;
}

}  // namespace kiln::dockerfile
