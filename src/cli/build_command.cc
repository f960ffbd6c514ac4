// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/strings.h"
#include "base/url.h"
#include "cli/build_call.h"
#include "cli/build_flags.h"
#include "cli/build_input.h"
#include "cli/build_outputs.h"
#include "cli/build_recording.h"
#include "cli/build_report.h"
#include "cli/build_settings.h"
#include "cli/commands.h"
#include "cli/dockerfile_input.h"
#include "cli/platform_flag.h"
#include "cli/progress_display.h"
#include "cli/step_output.h"
#include "cli/storage_policy.h"
#include "cli/store_images.h"
#include "cli/terminal.h"
#include "dockerfile/frontend_choice.h"
#include "dockerfile/syntax_tree.h"
#include "executor/oci_executor.h"
#include "exporter/image_result.h"
#include "frontend/build_plan.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "solver/solver.h"

namespace kiln::cli {
namespace {

std::vector<exporter::BuiltStep> built_steps(
    const frontend::BuildPlan& plan, const std::map<llb::VertexId, solver::StepResult>& results) {
  std::vector<exporter::BuiltStep> out;
  for (const auto& step : plan.history) {
    exporter::BuiltStep built;
    built.created_by = step.created_by;
    if (step.layer) {
      const solver::StepResult& result = results.at(*step.layer);
      built.layer = result.layers.back();
      built.created = result.created;
    }
    out.push_back(std::move(built));
  }
  return out;
}

/// One plan for each platform; the last one has the graph of all.
using Plans = std::vector<frontend::BuildPlan>;

Result<Plans> plan_platforms(const dockerfile::Dockerfile& file, frontend::BuildOptions options,
                             const std::vector<oci::Platform>& platforms,
                             frontend::BaseImages& images, solver::Progress& progress) {
  Plans out;
  frontend::BuildPlan first = TRY(plan_with_warnings(file, options, images, progress));
  out.push_back(std::move(first));
  for (std::size_t i = 1; i < platforms.size(); ++i) {
    options.target_platform = platforms[i];
    auto plan = frontend::plan_build(file, options, images, std::move(out.back().graph));
    if (!plan) {
      progress.report(solver::BuildEnded{false});
      return std::move(plan).error().context(platforms[i].str());
    }
    out.push_back(*std::move(plan));
  }
  return out;
}

std::vector<llb::VertexId> targets_of(const Plans& plans) {
  std::vector<llb::VertexId> out;
  for (const auto& plan : plans) out.push_back(plan.result);
  return out;
}

/// The steps that the results are made of, for those who look on.
std::vector<solver::StepId> shown_steps(const llb::Graph& graph,
                                        const std::vector<llb::VertexId>& targets) {
  std::vector<solver::StepId> out;
  for (const llb::VertexId target : targets) {
    for (const llb::VertexId id : graph.shown(target)) {
      if (std::ranges::find(out, id) == out.end()) out.push_back(id);
    }
  }
  return out;
}

/// Whether the image tells how it was made.
enum class History { keep, omit };

/// What the outputs are of: the images' configs.
std::vector<PlatformResult> results_of(const Plans& plans,
                                       const std::vector<oci::Platform>& platforms,
                                       const std::map<llb::VertexId, solver::StepResult>& results,
                                       const frontend::BuildOptions& options, History history) {
  std::vector<PlatformResult> out;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    oci::ImageConfig config =
        exporter::finish_config(plans[i].config, built_steps(plans[i], results),
                                options.source_date_epoch, os::wall_clock());
    if (history == History::omit) config.history.clear();
    oci::Platform platform = plans.size() > 1 ? platforms[i] : config.platform;
    out.push_back({std::move(platform), std::move(config)});
  }
  return out;
}

/// The layers of the results, and those that were put together into one of them: a cache without
/// these would find nothing.
std::vector<oci::DiffId> result_layers(const llb::Graph& graph,
                                       const std::vector<llb::VertexId>& targets,
                                       const std::map<llb::VertexId, solver::StepResult>& results) {
  std::vector<oci::DiffId> out;
  const auto add = [&](llb::VertexId id) {
    const auto& layers = results.at(id).layers;
    out.insert(out.end(), layers.begin(), layers.end());
  };
  for (const llb::VertexId target : targets) {
    add(target);
    const llb::Vertex& vertex = graph.vertex(target);
    if (std::holds_alternative<llb::SquashOp>(vertex.op)) add(vertex.inputs.front());
  }
  return out;
}

/// The build's time is that of outputs that have none of their own.
void give_time(std::vector<BuildOutput>& outputs, const frontend::BuildOptions& options) {
  for (auto& output : outputs) {
    if (output.is_files() && !output.source_date_epoch)
      output.source_date_epoch = options.source_date_epoch;
  }
  const auto rewrites = [](const BuildOutput& each) { return each.rewrite_timestamp; };
  if (!options.source_date_epoch && std::ranges::any_of(outputs, rewrites))
    print_error("warning: rewrite-timestamp has no effect without SOURCE_DATE_EPOCH");
}

Result<int> print_parsed(const BuildFlags& flags, const std::string& context) {
  if (flags.print != "ast") return invalid_input("invalid --print: " + flags.print + " (only ast)");
  const DockerfileText file = TRY(read_dockerfile_text(context, flags.file));
  const std::string tree = TRY(dockerfile::syntax_tree(file.name, file.text));
  TRY(print(tree));
  return 0;
}

/// The instructions, and what frontend was asked for.
Result<dockerfile::Dockerfile> parse_dockerfile(const DockerfileInput& input,
                                                const frontend::BuildOptions& options) {
  const auto syntax = options.build_args.find("BUILDKIT_SYNTAX");
  auto remark = TRY(dockerfile::check_frontend(
      dockerfile::Source(input.name, input.text),
      syntax == options.build_args.end() ? std::string() : syntax->second));
  dockerfile::Dockerfile file = TRY(dockerfile::parse(input.name, input.text));
  if (remark) file.warnings.push_back(*std::move(remark));
  return file;
}

/// Before the build, so that a file that can't be written is told at once, and none of an earlier
/// build is left if this one fails.
Result<void> clear_iidfile(const std::string& path) {
  TRY(os::write_output_file(path, 0644, "").context("writing image ID file"));
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) os::remove_file(path);
  return {};
}

Result<void> write_iidfile(const std::string& path, const std::string& id) {
  return os::write_output_file(path, 0644, id).context("writing image ID file");
}

Result<void> write_metadata(const std::string& path, const BuildExports& exports,
                            const oci::Platform& platform, const std::string& ref) {
  const std::string text = indented_json(build_metadata(exports, platform, ref));
  return os::write_output_file(path, 0644, text).context("writing metadata file");
}

bool writes_to_standard_output(const std::vector<BuildOutput>& outputs) {
  return std::ranges::any_of(outputs,
                             [](const BuildOutput& each) { return each.destination == "-"; });
}

/// A build on its way, and those who look on.
struct Build {
  BuildSettings& settings;
  OpenStore& opened;
  const Plans& plans;
  StepOutputKeeper& output;
  BuildRecording& recording;
  solver::SolveContext& context;
  std::vector<llb::VertexId> targets = targets_of(plans);

  const llb::Graph& graph() const { return plans.back().graph; }
};

using Results = std::map<llb::VertexId, solver::StepResult>;

Result<void> explain(const Build& build) {
  const ReportForm form = build.settings.explain;
  if (form == ReportForm::none) return {};
  std::string text = explain_build(build.recording.steps(), build.graph(), form);
  // Standard output is the image's ID then, or an archive.
  if (!build.settings.flags.quiet && !writes_to_standard_output(build.settings.outputs))
    return print(text);
  text.pop_back();
  print_error(text);
  return {};
}

Error failure(Error error) {
  // Where it was at that moment is nobody's fault.
  if (error.kind() == ErrorKind::cancelled) return {ErrorKind::cancelled, "build cancelled"};
  return std::move(error).context("failed to build");
}

std::string harmless_lines(std::string_view output) {
  std::vector<std::string> lines;
  LineSplitter splitter;
  const auto add = [&](std::string_view line) {
    lines.push_back(sanitize_line(line, Escapes::none));
  };
  splitter.feed(output, add);
  splitter.finish(add);
  return join(lines, "\n");
}

Result<Results> solve(const Build& build) {
  auto results = solver::solve(build.context, build.graph(), build.targets, build.settings.jobs,
                               build.opened.interrupts.token());
  if (results) return results;
  build.recording.progress().report(solver::BuildEnded{false});
  TRY(explain(build));
  // Nothing showed what the failing step said.
  if (build.settings.flags.quiet && !build.output.failed_output().empty())
    print_error(harmless_lines(build.output.failed_output()));
  build.recording.failed(build.context, build.graph(), results.error());
  return failure(std::move(results).error());
}

/// The outputs, and the caches elsewhere.
Result<BuildExports> write_all(const Build& build, const Results& results,
                               const std::vector<PlatformResult>& made) {
  const std::stop_token stop = build.opened.interrupts.token();
  auto exported = write_outputs(
      {&build.opened.store, &build.recording.progress(), shown_steps(build.graph(), build.targets),
       build.graph().size(), stop, build.settings.flags.registry},
      build.settings.outputs, made);
  if (exported) {
    const auto cached =
        build.settings.caches.write(build.context, build.graph(), build.targets, results,
                                    result_layers(build.graph(), build.targets, results), stop);
    if (!cached) exported = cached.error();
  }
  build.recording.progress().report(solver::BuildEnded{exported.ok()});
  if (exported) return exported;
  build.recording.failed(build.context, build.graph(), exported.error());
  return failure(std::move(exported).error());
}

Result<int> run(const Build& build) {
  const BuildFlags& flags = build.settings.flags;
  if (build.settings.is_dry_run()) {
    const auto steps = TRY(solver::forecast(build.context, build.graph(), build.targets));
    TRY(print(show_forecast(steps, build.graph(), build.settings.dry_run)));
    return 0;
  }
  const Results results = TRY(solve(build));
  auto made = results_of(build.plans, build.settings.platforms, results, build.settings.options,
                         flags.drop_in.omit_history ? History::omit : History::keep);
  for (auto& result : made)
    result.config.inline_cache =
        TRY(build.settings.caches.inline_cache(build.context, results, result.config.diff_ids));
  const BuildExports exported = TRY(write_all(build, results, made));
  TRY(explain(build));
  const std::string id = exported.id() ? exported.id()->str() : std::string();
  if (!flags.iidfile.empty() && exported.id()) TRY(write_iidfile(flags.iidfile, id));
  if (!flags.metadata_file.empty())
    TRY(write_metadata(flags.metadata_file, exported, made.front().platform, build.recording.id()));
  if (flags.quiet && !writes_to_standard_output(build.settings.outputs)) TRY(print(id + "\n"));
  build.recording.succeeded(build.context, build.graph(), results, exported.stored);
  collect_in_background(build.opened.store);
  return 0;
}

Result<int> plan_and_run(BuildSettings& settings, BuildInput& input,
                         const dockerfile::Dockerfile& file) {
  const BuildFlags& flags = settings.flags;
  if (!flags.iidfile.empty() && !settings.is_dry_run()) TRY(clear_iidfile(flags.iidfile));
  OpenStore* const open = TRY(input.open());
  OpenStore& opened = *open;
  store::Store& store = opened.store;
  StoreImages images(store, settings.pull, opened.interrupts.token(), [&](std::string_view line) {
    if (!flags.quiet) print_error(line);
  });
  images.ask_with(flags.registry);
  const auto display = TRY(open_progress(flags));
  const Plans plans =
      TRY(plan_platforms(file, settings.options, settings.platforms, images, *display));

  StepOutputKeeper output(*display);
  std::vector<std::string> shown_args = flags.build_args;
  for (std::string& arg : shown_args) arg = redact_credentials(arg);
  const std::string& name = input.dockerfile().name;
  BuildRecording recording(
      store, {input.shown_context(), name, flags.target, shown_args, flags.tags}, output);
  executor::OciExecutor executor({store.workspace().path() + "/executor", flags.runtime,
                                  settings.seccomp_profile, store.paths().executor_cache(),
                                  flags.runtime_flags});
  solver::SolveContext context{store, executor, recording.progress()};
  context.build_name = input.shown_context() + "|" + name;
  context.cache = flags.no_cache ? solver::UseCache::ignore : solver::UseCache::use;
  if (!settings.outputs.empty() &&
      std::ranges::all_of(settings.outputs, [](const BuildOutput& each) {
        return each.type == BuildOutput::Type::cache_only;
      }))
    context.wanted = solver::Wanted::cache;
  context.run = std::move(settings.environment);
  context.http = &input.http();
  context.bases = &images.pulls();
  images.pulls().report_to([&](const solver::ProgressEvent& event) { context.report(event); },
                           plans.back().graph.size() + settings.outputs.size());
  TRY(input.open_trees(context));
  const Build build{settings, opened, plans, output, recording, context};
  settings.caches.ask_with(flags.registry);
  TRY(settings.caches.attach(context, build.graph(), build.targets, settings.platforms));
  return run(build);
}

}  // namespace

Result<int> build_command(const Session& session, std::vector<std::string> words) {
  BuildFlags flags;
  FlagSet set = build_flag_set(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (!flags.print.empty()) return print_parsed(flags, parsed.arguments.front());
  BuildSettings settings = TRY(build_settings(std::move(flags), parsed.arguments.front()));
  BuildInput input(session, settings);
  TRY(input.read());
  const DockerfileInput& dockerfile = input.dockerfile();
  const auto call = TRY(parse_call(settings.flags.call, settings.flags.check));
  if (call) return build_call(session, *call, dockerfile, dockerfile.path, settings.options);

  const auto file = parse_dockerfile(dockerfile, settings.options);
  if (!file) {
    const auto display = TRY(open_progress(settings.flags));
    report_before_error(dockerfile, settings.options, file.error(), *display);
    return file.error();
  }
  TRY(input.settle_time(*file));
  give_time(settings.outputs, settings.options);
  return plan_and_run(settings, input, *file);
}

}  // namespace kiln::cli
