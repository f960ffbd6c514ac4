// SPDX-License-Identifier: Apache-2.0
// RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "dockerfile/command_line.h"
#include "dockerfile/csv.h"
#include "dockerfile/duration.h"
#include "dockerfile/flags.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/run_mount.h"
#include "dockerfile/statement_parser.h"
#include "dockerfile/unicode.h"
#include "format/go_strconv.h"

namespace kiln::dockerfile {
namespace {

constexpr std::int64_t kMinInterval = 1'000'000;

/// What can be said of a mount before its variables are known.
void check_mount(const Request& request, const Flag& flag) {
  const std::string text = flag.value.value_or("");
  const auto fields = csv_fields(text);
  if (!fields.ok() || text.empty()) {
    request.fail(flag.range, fmt::format("failed to parse csv mounts: {}",
                                         fields.ok() ? "empty" : fields.error().message()));
    return;
  }
  for (const std::string& field : *fields) {
    const auto [key, value] = split_once(field, '=');
    if (!value || !equals_ignoring_case(key, "from")) continue;
    const auto dollar = value->find('$');
    if (dollar != std::string_view::npos && dollar + 1 != value->size()) {
      request.fail(field_range(flag, field),
                   "'from' doesn't support variable expansion, define alias stage instead",
                   "add `FROM <image with variables> AS <name>` and mount from=<name>");
    }
  }
}

void check_device(const Request& request, const Flag& flag) {
  const std::string text = flag.value.value_or("");
  const auto fields = csv_fields(text);
  if (!fields.ok() || text.empty()) {
    request.fail(flag.range, fmt::format("failed to parse csv devices: {}",
                                         fields.ok() ? "empty" : fields.error().message()));
    return;
  }
  std::string name;
  for (const std::string& field : *fields) {
    const auto [raw_key, value] = split_once(field, '=');
    const std::string key = to_lower(raw_key);
    if (key == "required") {
      if (value && !parse_bool(*value)) {
        request.fail(flag.range, fmt::format("invalid value for {}: {}", key, *value));
      }
    } else if (value && key == "name") {
      if (!name.empty()) {
        request.fail(flag.range, fmt::format("device name already set to {}", name));
      }
      name = *value;
    } else if (name.empty()) {
      name = field;
    } else if (value) {
      request.fail(flag.range, fmt::format("unexpected key '{}' in '{}'{}", key, field,
                                           did_you_mean(key, {"name", "required"})));
    } else {
      request.fail(flag.range, fmt::format("invalid field '{}' must be a key=value pair", field));
    }
  }
}

void check_run_flag(const Request& request, const Flag& flag) {
  if (flag.name == "mount") {
    check_mount(request, flag);
  } else if (flag.name == "device") {
    check_device(request, flag);
  } else if (flag.name == "network") {
    if (flag.value != "default" && flag.value != "none" && flag.value != "host") {
      request.fail(flag.range, fmt::format("invalid network mode \"{}\"", flag.value.value_or("")),
                   "use default, none or host");
    }
  } else if (flag.value != "insecure" && flag.value != "sandbox") {
    request.fail(flag.range, fmt::format("security \"{}\" is not valid", flag.value.value_or("")),
                 "use sandbox or insecure");
  }
}

std::optional<std::int64_t> parse_interval(const Request& request, const FlagValues& flags,
                                           std::string_view name) {
  const auto word = flags.text(name);
  if (!word) return std::nullopt;
  const auto value = parse_duration(word->text);
  if (!value.ok()) {
    request.fail(word->range, value.error().message());
    return std::nullopt;
  }
  if (*value == 0) return std::nullopt;
  if (*value < kMinInterval) {
    request.fail(word->range, fmt::format("Interval \"{}\" cannot be less than 1ms", name));
  }
  return *value;
}

std::optional<unsigned> parse_retries(const Request& request, const FlagValues& flags) {
  const auto word = flags.text("retries");
  if (!word) return std::nullopt;
  std::string_view digits = word->text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto value = parse_uint(digits);
  if (!value || *value > std::numeric_limits<std::int32_t>::max()) {
    request.fail(word->range,
                 fmt::format("--retries needs a whole number, not \"{}\"", word->text));
    return std::nullopt;
  }
  if (negative && *value != 0) {
    request.fail(word->range, fmt::format("--retries cannot be negative ({})", word->text));
  }
  if (*value == 0) return std::nullopt;
  return static_cast<unsigned>(*value);
}

}  // namespace

std::optional<CommandLine> parse_command(const Request& request, std::string_view text) {
  JsonArray array = parse_json_array(text);
  CommandLine command;
  command.range = request.line.range_of(text);
  switch (array.form) {
    case JsonForm::mixed:
      request.fail_malformed(
          text, "when using JSON array syntax, arrays must be comprised of strings only");
      return std::nullopt;
    case JsonForm::strings:
      command.exec_form = true;
      for (auto& item : array.items) command.argv.push_back(std::move(item.value));
      break;
    case JsonForm::none:
      command.shell = text;
      break;
  }
  return command;
}

std::optional<InstructionValue> parse_run(const Request& request) {
  auto command = parse_command(request, request.statement.arguments);
  const auto flags = FlagValues::check(request, {{"mount", FlagKind::list},
                                                 {"network", FlagKind::text},
                                                 {"security", FlagKind::text},
                                                 {"device", FlagKind::list}});
  if (!command || !flags) return std::nullopt;
  const auto before = request.findings.errors.size();
  for (const Flag& flag : flags->all()) check_run_flag(request, flag);
  if (request.findings.errors.size() != before) return std::nullopt;
  Run run;
  if (!request.heredocs.empty()) {
    const auto lone = parse_heredoc_word(command->shell);
    run.heredoc_only = lone.ok() && lone->has_value();
  }
  run.command = std::move(*command);
  run.heredocs = request.heredocs;
  run.flags = flags->all();
  return run;
}

std::optional<InstructionValue> parse_cmd(const Request& request) {
  auto command = parse_command(request, request.statement.arguments);
  if (!FlagValues::check(request, {}) || !command) return std::nullopt;
  return Cmd{std::move(*command)};
}

std::optional<InstructionValue> parse_entrypoint(const Request& request) {
  auto command = parse_command(request, request.statement.arguments);
  if (!FlagValues::check(request, {}) || !command) return std::nullopt;
  return Entrypoint{std::move(*command)};
}

std::optional<InstructionValue> parse_shell(const Request& request) {
  auto command = parse_command(request, request.statement.arguments);
  if (!FlagValues::check(request, {}) || !command) return std::nullopt;
  if (command->argv.empty() && command->shell.empty()) {
    request.fail("SHELL requires at least one argument");
    return std::nullopt;
  }
  if (!command->exec_form) {
    request.fail_at(request.statement.arguments, "SHELL requires the arguments to be in JSON form",
                    "write it as SHELL [\"/bin/sh\", \"-c\"]");
    return std::nullopt;
  }
  return Shell{std::move(command->argv)};
}

std::optional<InstructionValue> parse_healthcheck(const Request& request) {
  const std::string_view arguments = request.statement.arguments;
  if (arguments.empty()) {
    request.fail("HEALTHCHECK requires at least one argument");
    return std::nullopt;
  }
  const auto end = std::min(arguments.find_first_of("\t\n\v\f\r "), arguments.size());
  const std::string_view type = arguments.substr(0, end);
  const std::string_view text = trim_left_space(arguments.substr(end));
  Healthcheck check;
  if (equals_ignoring_case(type, "NONE")) {
    if (!text.empty()) {
      request.fail_at(text, "HEALTHCHECK NONE takes no arguments");
      return std::nullopt;
    }
    check.none = true;
    return check;
  }
  const auto flags = FlagValues::check(request, {{"interval", FlagKind::text},
                                                 {"timeout", FlagKind::text},
                                                 {"start-period", FlagKind::text},
                                                 {"start-interval", FlagKind::text},
                                                 {"retries", FlagKind::text}});
  if (!flags) return std::nullopt;
  if (!equals_ignoring_case(type, "CMD")) {
    request.fail_at(type, fmt::format("Unknown type {} in HEALTHCHECK (try CMD)",
                                      format::quote(to_upper(type))));
    return std::nullopt;
  }
  const auto before = request.findings.errors.size();
  auto command = parse_command(request, text);
  if (command && command->argv.empty() && command->shell.empty()) {
    request.fail_at(type, "Missing command after HEALTHCHECK CMD");
  }
  check.interval = parse_interval(request, *flags, "interval");
  check.timeout = parse_interval(request, *flags, "timeout");
  check.start_period = parse_interval(request, *flags, "start-period");
  check.start_interval = parse_interval(request, *flags, "start-interval");
  check.retries = parse_retries(request, *flags);
  if (!command || request.findings.errors.size() != before) return std::nullopt;
  check.command = std::move(*command);
  return check;
}

}  // namespace kiln::dockerfile
