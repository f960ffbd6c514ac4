// SPDX-License-Identifier: Apache-2.0
#include "cli/build_call.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/store_images.h"
#include "cli/version.h"
#include "dockerfile/csv.h"
#include "lint/lint.h"
#include "lint/outline.h"
#include "lint/report.h"

namespace kiln::cli {
namespace {

Result<bool> parse_flag(std::string_view text, std::string_view field) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return invalid_input(fmt::format("invalid value of {} in --call: {}", field, text));
}

lint::LintRequest request_of(const frontend::BuildOptions& options, lint::CheckOptions check,
                             frontend::BaseImages* images, lint::Stages stages) {
  lint::LintRequest out;
  out.options = std::move(check);
  out.caller = lint::Caller::build;
  out.stages = stages;
  out.build = options;
  out.images = images;
  return out;
}

/// The first error of a plan for any of the stages that are asked about.
std::optional<Error> plan_error(const dockerfile::Dockerfile& file,
                                const frontend::BuildOptions& options,
                                frontend::BaseImages& images) {
  if (!options.target.empty()) {
    auto plan = frontend::plan_build(file, options, images);
    if (!plan) return std::move(plan).error();
    return std::nullopt;
  }
  // A stage is the last of a file that ends with it.
  dockerfile::Dockerfile until = file;
  std::optional<Error> first;
  while (!until.stages.empty()) {
    auto plan = frontend::plan_build(until, options, images);
    if (!plan) first = std::move(plan).error();
    until.stages.pop_back();
  }
  return first;
}

Result<int> print_report(const CallRequest& call, const lint::Report& report,
                         const std::string& path) {
  if (call.format == "json") {
    TRY(print(lint::check_json(report)));
  } else if (call.format == "sarif") {
    TRY(print(lint::sarif(report, path, kVersion)));
  } else {
    TRY(print(lint::check_text(report, path)));
  }
  if (report.error != nullptr) return *report.error;
  return call.ignore_status || report.findings.empty() ? 0 : 1;
}

Result<int> check(const Session& session, const CallRequest& call, const DockerfileInput& input,
                  const std::string& path, const frontend::BuildOptions& options) {
  const dockerfile::Source source(input.name, input.text);
  auto wanted = lint::check_options_of(source, options.build_args);
  // A build argument is not the file's: nothing can be said then.
  if (!wanted && options.build_args.contains("BUILDKIT_DOCKERFILE_CHECK"))
    return std::move(wanted).error();
  if (!wanted) return print_report(call, {source, {}, &wanted.error()}, path);

  store::Store store = TRY(session.open_store(Access::index));
  StoreImages images(store);
  const lint::LintRequest request =
      request_of(options, *std::move(wanted), &images, lint::Stages::all);
  const auto file = dockerfile::parse(input.name, input.text);
  if (!file) {
    const unsigned line = lint::error_line(source, file.error()).value_or(1);
    return print_report(
        call, {source, lint::lint_before_error(source, line, request), &file.error()}, path);
  }
  auto findings = lint::lint(*file, request);
  std::optional<Error> error = plan_error(*file, options, images);
  if (error) findings = lint::before_plan_error(std::move(findings), *file, *error);
  if (!error && request.options.error && !findings.empty())
    error = invalid_input("lint violation found for rules: " + lint::rule_names(findings));
  return print_report(call, {source, std::move(findings), error ? &*error : nullptr}, path);
}

Result<int> outline(const Session& session, const CallRequest& call,
                    const dockerfile::Dockerfile& file, const frontend::BuildOptions& options) {
  store::Store store = TRY(session.open_store(Access::index));
  StoreImages images(store);
  TRY(frontend::plan_build(file, options, images));
  const auto found = TRY(lint::outline_of(file, options, images));
  TRY(print(call.format == "json" ? lint::to_json(found) : lint::to_text(found)));
  return 0;
}

Result<int> targets(const CallRequest& call, const dockerfile::Dockerfile& file) {
  const lint::TargetList found = lint::targets_of(file);
  TRY(print(call.format == "json" ? lint::to_json(found) : lint::to_text(found)));
  return 0;
}

struct Subrequest {
  const char* call;     ///< as in --call
  const char* request;  ///< as frontends call it
  const char* description;
  bool takes_target = false;
};
constexpr std::array kSubrequests = {
    Subrequest{"check", "frontend.lint", "What the rules say of the Dockerfile", true},
    Subrequest{"outline", "frontend.outline", "What a target takes: arguments, secrets, agents",
               true},
    Subrequest{"targets", "frontend.targets", "The stages that can be built"},
    Subrequest{"subrequests.describe", "frontend.subrequests.describe", "These requests"},
};

/// BuildKit's form of it.
Result<int> describe(const CallRequest& call) {
  if (call.format == "json") {
    auto list = nlohmann::ordered_json::array();
    for (const auto& each : kSubrequests) {
      auto opts = nlohmann::ordered_json::array();
      if (each.takes_target)
        opts.push_back({{"name", "target"}, {"description", "The stage that is asked about"}});
      nlohmann::ordered_json row;
      row["name"] = each.request;
      row["version"] = "1.0.0";
      row["type"] = "rpc";
      row["description"] = each.description;
      row["opts"] = std::move(opts);
      row["inputs"] = nullptr;
      row["metadata"] = {{{"name", "result.json"}, {"description", ""}},
                         {{"name", "result.txt"}, {"description", ""}}};
      row["refs"] = nullptr;
      list.push_back(std::move(row));
    }
    TRY(print(indented_json(list)));
    return 0;
  }
  std::string text = fmt::format("{:<20} {} {}\n", "NAME", "VERSION", "DESCRIPTION");
  for (const auto& each : kSubrequests)
    text += fmt::format("{:<20} {}   {}\n", each.call, "1.0.0", each.description);
  TRY(print(text));
  return 0;
}

void report_findings(const std::vector<lint::Finding>& findings, solver::Progress& progress) {
  for (const auto& finding : findings)
    progress.report(solver::BuildWarning{lint::short_text(finding)});
}

}  // namespace

Result<std::optional<CallRequest>> parse_call(const std::string& call, bool check) {
  if (call.empty()) {
    if (check) return std::optional(CallRequest{"check", {}, false});
    return std::optional<CallRequest>();
  }
  CallRequest out;
  const auto fields = TRY(dockerfile::csv_fields(call));
  for (const std::string& field : fields) {
    const auto [key, value] = split_once(field, '=');
    if (!value) {
      if (!out.method.empty()) return invalid_input("invalid value of --call: " + call);
      out.method = key;
    } else if (key == "format") {
      out.format = *value;
    } else if (key == "ignorestatus") {
      out.ignore_status = TRY(parse_flag(*value, key));
    } else {
      return invalid_input("invalid field of --call: " + field)
          .with_hint("the fields are format and ignorestatus");
    }
  }
  if (check) out.method = "check";
  if (out.method == "lint") out.method = "check";
  if (out.method == "build") return std::optional<CallRequest>();
  return std::optional(std::move(out));
}

Result<int> build_call(const Session& session, const CallRequest& call,
                       const DockerfileInput& input, const std::string& path,
                       const frontend::BuildOptions& options) {
  if (call.method == "check") return check(session, call, input, path, options);
  if (call.method == "subrequests.describe") return describe(call);
  if (call.method != "outline" && call.method != "targets") {
    return invalid_input("unsupported request frontend." + call.method)
        .with_hint("--call takes build, check, outline, targets and subrequests.describe");
  }
  const auto file = TRY(dockerfile::parse(input.name, input.text));
  if (call.method == "outline") return outline(session, call, file, options);
  return targets(call, file);
}

void report_before_error(const DockerfileInput& input, const frontend::BuildOptions& options,
                         const Error& error, solver::Progress& progress) {
  const dockerfile::Source source(input.name, input.text);
  const auto wanted = lint::check_options_of(source, options.build_args);
  const auto line = lint::error_line(source, error);
  if (wanted && line) {
    const auto request = request_of(options, *wanted, nullptr, lint::Stages::needed);
    report_findings(lint::lint_before_error(source, *line, request), progress);
  }
  progress.report(solver::BuildEnded{false});
}

Result<frontend::BuildPlan> plan_with_warnings(const dockerfile::Dockerfile& file,
                                               const frontend::BuildOptions& options,
                                               frontend::BaseImages& images,
                                               solver::Progress& progress) {
  auto wanted = TRY(lint::check_options_of(file.source, file.directives, options.build_args));
  const auto request = request_of(options, std::move(wanted), &images, lint::Stages::needed);
  auto findings = lint::lint(file, request);
  auto plan = frontend::plan_build(file, options, images);
  if (!plan) findings = lint::before_plan_error(std::move(findings), file, plan.error());
  report_findings(findings, progress);
  if (plan) {
    for (const auto& warning : plan->warnings) print_error("warning: " + warning);
  }
  const bool refused = request.options.error && !findings.empty();
  if (!plan || refused) progress.report(solver::BuildEnded{false});
  if (!plan || !refused) return plan;
  return invalid_input("lint violation found for rules: " + lint::rule_names(findings))
      .with_hint(
          "the file asks for this by check=error=true: mend the lines above, or leave the "
          "rules out by skip=");
}

}  // namespace kiln::cli
