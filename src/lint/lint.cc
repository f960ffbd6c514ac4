// SPDX-License-Identifier: Apache-2.0
#include "lint/lint.h"

#include <algorithm>

#include "base/strings.h"
#include "lint/advice.h"
#include "lint/evaluation.h"
#include "lint/stage_rules.h"
#include "lint/syntax_rules.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;

/// Rules that docker applies once it knows all base images.
bool needs_plan(Rule rule) {
  switch (rule) {
    case Rule::json_args_recommended:
    case Rule::workdir_relative_path:
    case Rule::undefined_var:
    case Rule::multiple_instructions_disallowed:
    case Rule::legacy_key_value_format:
    case Rule::secrets_used_in_arg_or_env:
    case Rule::copy_ignored_file:
    case Rule::expose_proto_casing:
    case Rule::expose_invalid_format:
      return true;
    default:
      return rule_info(rule).scope == Scope::advice;
  }
}

}  // namespace

std::vector<Finding> lint(const df::Dockerfile& file, const LintRequest& request) {
  const FileView view(file);
  Findings findings(request.options, request.caller);
  check_syntax({file.source, view.lines, file.directives.escape}, findings);
  check_stages(view, findings);
  evaluate(view, request, findings);
  check_advice(view, request, findings);
  return findings.take();
}

std::vector<Finding> lint_before_error(const df::Source& source, unsigned error_line,
                                       const LintRequest& request) {
  std::vector<df::Diagnostic> ignored;
  const df::Directives directives = df::parse_directives(source, ignored);
  const SourceLines lines = read_source_lines(source, directives);
  Findings findings(request.options, request.caller);
  check_syntax({source, lines, directives.escape, error_line}, findings);
  return findings.take();
}

std::optional<unsigned> error_line(const df::Source& source, const Error& error) {
  const std::string prefix = source.name() + ":";
  const std::string& message = error.message();
  if (!message.starts_with(prefix)) return std::nullopt;
  const auto number = split_once(std::string_view(message).substr(prefix.size()), ':').first;
  const auto line = parse_uint(number);
  if (!line || *line == 0 || *line > source.line_count()) return std::nullopt;
  return static_cast<unsigned>(*line);
}

std::vector<Finding> before_plan_error(std::vector<Finding> findings, const df::Dockerfile& file,
                                       const Error& error) {
  const auto line = error_line(file.source, error);
  const bool at_from = line && std::ranges::any_of(file.stages, [&](const df::Stage& stage) {
                         return stage.range.begin.line == *line;
                       });
  const bool nothing_planned = !line || at_from || error.kind() == ErrorKind::not_found;
  std::erase_if(findings, [&](const Finding& finding) {
    return needs_plan(finding.rule) && (nothing_planned || finding.first_line > *line);
  });
  return findings;
}

Result<CheckOptions> check_options_of(const df::Source& source, const df::Directives& directives,
                                      const std::map<std::string, std::string>& build_args) {
  const auto given = build_args.find("BUILDKIT_DOCKERFILE_CHECK");
  if (given != build_args.end()) {
    auto options = parse_check_options(given->second);
    if (!options)
      return std::move(options).error().context(
          "failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK");
    return options;
  }
  if (!directives.check) return CheckOptions();
  const df::Word& value = *directives.check;
  std::string_view failed;
  auto options = parse_check_directive(value.text, &failed);
  if (options) return options;
  df::Range at = value.range;
  if (!failed.empty()) {
    at.begin.column += static_cast<unsigned>(failed.data() - value.text.data());
    at.end.column = at.begin.column + static_cast<unsigned>(failed.size());
  }
  const Error& error = options.error();
  return df::to_error(source,
                      {{at, "failed to parse check options: " + error.message(), error.hint()}});
}

Result<CheckOptions> check_options_of(const df::Source& source,
                                      const std::map<std::string, std::string>& build_args) {
  std::vector<df::Diagnostic> ignored;
  return check_options_of(source, df::parse_directives(source, ignored), build_args);
}

std::string rule_names(const std::vector<Finding>& findings) {
  std::vector<std::string> names;
  for (const Finding& finding : findings) {
    const std::string name(rule_info(finding.rule).name);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return join(names, ", ");
}

}  // namespace kiln::lint
