// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/strings.h"
#include "base/url.h"
#include "cli/build_call.h"
#include "cli/build_context.h"
#include "cli/build_flags.h"
#include "cli/build_outputs.h"
#include "cli/build_recording.h"
#include "cli/build_report.h"
#include "cli/build_time.h"
#include "cli/cache_session.h"
#include "cli/commands.h"
#include "cli/dockerfile_input.h"
#include "cli/platform_flag.h"
#include "cli/progress_display.h"
#include "cli/step_output.h"
#include "cli/storage_policy.h"
#include "cli/store_images.h"
#include "dockerfile/frontend_choice.h"
#include "dockerfile/syntax_tree.h"
#include "executor/oci_executor.h"
#include "exporter/image_result.h"
#include "frontend/build_plan.h"
#include "net/http_client.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "solver/solver.h"
#include "solver/source_ops.h"

namespace kiln::cli {
namespace {

constexpr int kStandardError = 2;

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

/// The outputs that the flags ask for. One time is the whole build's.
Result<std::vector<BuildOutput>> requested_outputs(const BuildFlags& flags,
                                                   frontend::BuildOptions& options) {
  std::vector<std::string> warnings;
  auto outputs = TRY(parse_outputs(flags.output, flags.tags, warnings));
  for (const auto& output : outputs) {
    if (output.is_files()) {
      if (!flags.iidfile.empty())
        return invalid_input("local and tar exporters are incompatible with image ID file");
    } else if (output.source_date_epoch) {
      if (options.all_mtimes && output.source_date_epoch != options.source_date_epoch)
        return invalid_input("--timestamp and an output's source-date-epoch say different times");
      options.source_date_epoch = output.source_date_epoch;
    }
  }
  TRY(apply_format(flags.drop_in, outputs));
  TRY(check_destinations(outputs));
  for (const auto& warning : warnings) print_error("warning: " + warning);
  return outputs;
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

Result<std::unique_ptr<solver::Progress>> open_progress(const BuildFlags& flags) {
  ProgressOptions options;
  std::string word = flags.progress;
  if (word.empty()) word = os::environment("BUILDKIT_PROGRESS").value_or("");
  const auto mode = parse_progress_mode(word);
  if (!mode)
    return invalid_input("invalid progress mode: " + word +
                         " (one of auto, none, plain, tty, quiet, rawjson)");
  options.mode = flags.quiet ? ProgressMode::quiet : *mode;
  options.log_file = flags.drop_in.log_file;
  options.colours = choose_colours(os::environment("NO_COLOR").value_or(""),
                                   os::environment("BUILDKIT_COLORS").value_or(""));
  return create_progress(kStandardError, options);
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
  const std::string text = build_metadata(exports, platform, ref).dump(2) + "\n";
  return os::write_output_file(path, 0644, text).context("writing metadata file");
}

/// All displays of the build add to it.
Result<void> empty_log_file(const std::string& path) {
  const os::Fd file = TRY(os::create_or_truncate_file(path).context("--logfile"));
  return {};
}

bool writes_to_standard_output(const std::vector<BuildOutput>& outputs) {
  return std::ranges::any_of(outputs,
                             [](const BuildOutput& each) { return each.destination == "-"; });
}

/// The store, and what comes with its opening: signals are watched once the user namespace is
/// entered, and before there are threads.
struct OpenStore {
  store::Store store;
  os::InterruptWatcher interrupts = {};
};

Result<void> ensure_open(const Session& session, std::optional<OpenStore>& out) {
  if (out) return {};
  store::Store store = TRY(session.open_store(Access::layers));
  out.emplace(std::move(store));
  return {};
}

/// Whether a build argument that is for the builder says yes.
bool is_set(const frontend::BuildOptions& options, const char* argument) {
  const auto given = options.build_args.find(argument);
  if (given == options.build_args.end()) return false;
  const std::string word = to_lower(given->second);
  return word == "1" || word == "true" || word == "t";
}

/// Shown as a step of its own where fetching takes a while.
Result<BuildContext> open_context(const remote::Access& access, const std::string& context,
                                  const BuildFlags& flags, const frontend::BuildOptions& options,
                                  solver::Progress& progress) {
  constexpr solver::StepId kStep = SIZE_MAX;
  const bool keeps = is_set(options, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
  const std::string name = fetching_name(context);
  if (!name.empty()) progress.report(solver::StepStarted{kStep, name});
  auto opened = open_build_context(access, context, flags.file,
                                   keeps ? GitDir::keep : GitDir::as_the_url_says);
  if (!name.empty()) {
    const auto outcome = opened ? solver::StepOutcome::done : solver::StepOutcome::failed;
    progress.report(
        solver::StepEnded{kStep, outcome, opened ? std::string() : opened.error().message()});
    if (!opened) progress.report(solver::BuildEnded{false});
  }
  return opened;
}

/// The directories that the build may read from, by the names that its graph has for them.
Result<void> open_trees(solver::SolveContext& context, const std::string& path,
                        const std::optional<BuildContext>& fetched,
                        const std::vector<std::string>& ignore, const NamedContextFlags& named) {
  store::Store& store = context.store;
  // What is gone after the build is not worth remembering.
  const bool lasts = !fetched || !fetched->scratch;
  context.contexts["context"] = TRY(solver::ContextTree::open(
      path, ignore, lasts ? store.context_index(path) : store.workspace().new_path(),
      fetched ? fetched->owners : solver::Owners::root));
  for (const auto& [key, value] : named.contexts) {
    const auto* local = std::get_if<llb::LocalSource>(&value);
    if (local == nullptr) continue;
    const std::string& directory = named.directories.at(local->name);
    context.contexts[local->name] =
        TRY(solver::ContextTree::open(directory, local->ignore, store.context_index(directory)));
  }
  return {};
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
  TRY(settle_build_flags(flags));
  TRY(parse_tags(flags.tags));
  frontend::BuildOptions options = TRY(build_options(flags));
  auto outputs = TRY(requested_outputs(flags, options));
  const std::vector<oci::Platform> platforms = TRY(parse_platforms(flags.platforms));
  const unsigned jobs = TRY(job_count(flags));
  const std::string profile = TRY(seccomp_profile(flags.drop_in));
  const ReportForm dry_run = TRY(parse_report_form(flags.dry_run, "--dry-run"));
  const ReportForm explain = TRY(parse_report_form(flags.explain, "--explain"));
  solver::RunEnvironment environment = TRY(run_environment(flags.run));
  const auto devices = TRY(device_grants(flags.run, environment));
  options.run.devices = devices.get();
  if (!flags.drop_in.log_file.empty()) TRY(empty_log_file(flags.drop_in.log_file));
  if (is_set(options, "BUILDKIT_INLINE_CACHE")) flags.cache_to.emplace_back("type=inline");
  CacheSession caches = TRY(CacheSession::open(flags.cache_from, flags.cache_to));
  PullPolicy policy = TRY(parse_pull_policy(flags.pull));
  // A forecast changes nothing in the store.
  if (dry_run != ReportForm::none) policy = PullPolicy::never;
  const NamedContextFlags named = TRY(parse_named_contexts(flags.build_contexts));
  options.contexts = named.contexts;
  const std::string& where = parsed.arguments.front();
  std::optional<OpenStore> opened;
  net::HttpClient http;
  std::optional<remote::Access> access;
  std::optional<BuildContext> fetched;
  const auto give_access = [&]() -> Result<const remote::Access*> {
    TRY(ensure_open(session, opened));
    if (!access)
      access.emplace(opened->store, http, solver::secret_lookup(environment),
                     opened->interrupts.token(), solver::agent_socket(environment));
    return &*access;
  };
  DockerfileInput input;
  if (has_to_be_fetched(where, flags.file)) {
    TRY(give_access());
    const auto display = TRY(open_progress(flags));
    BuildContext context = TRY(open_context(*access, where, flags, options, *display));
    fetched.emplace(std::move(context));
    input = TRY(read_dockerfile_of(*access, *fetched, flags.file));
  } else {
    input = TRY(read_dockerfile(where, flags.file));
  }
  options.ignore = input.ignore;
  if (!flags.drop_in.ignore_file.empty())
    options.ignore = TRY(read_ignore_file(flags.drop_in.ignore_file));
  const auto call = TRY(parse_call(flags.call, flags.check));
  if (call) return build_call(session, *call, input, input.path, options);

  const auto file = parse_dockerfile(input, options);
  if (!file) {
    const auto display = TRY(open_progress(flags));
    report_before_error(input, options, file.error(), *display);
    return file.error();
  }
  std::optional<FetchedContext> timed;
  if (fetched && !fetched->is_local) timed = FetchedContext{&*access, &where, &*fetched};
  TRY(settle_build_time(*file, timed, give_access, options));
  give_time(outputs, options);

  if (!flags.iidfile.empty() && dry_run == ReportForm::none) TRY(clear_iidfile(flags.iidfile));
  TRY(ensure_open(session, opened));
  store::Store& store = opened->store;
  StoreImages images(store, policy, opened->interrupts.token(), [&](std::string_view line) {
    if (!flags.quiet) print_error(line);
  });
  const auto display = TRY(open_progress(flags));
  const Plans plans = TRY(plan_platforms(*file, options, platforms, images, *display));
  const llb::Graph& graph = plans.back().graph;
  const std::vector<llb::VertexId> targets = targets_of(plans);

  StepOutputKeeper output(*display);
  const std::string shown_context = fetched ? redact_credentials(where) : input.context_path;
  std::vector<std::string> shown_args = flags.build_args;
  for (std::string& arg : shown_args) arg = redact_credentials(arg);
  BuildRecording recording(store, {shown_context, input.name, flags.target, shown_args, flags.tags},
                           output);
  solver::Progress& progress = recording.progress();
  executor::OciExecutor executor({store.workspace().path() + "/executor", flags.runtime, profile,
                                  store.paths().executor_cache(), flags.runtime_flags});
  solver::SolveContext context{store, executor, progress};
  context.build_name = shown_context + "|" + input.name;
  context.cache = flags.no_cache ? solver::UseCache::ignore : solver::UseCache::use;
  context.run = std::move(environment);
  context.http = &http;
  TRY(open_trees(context, input.context_path, fetched, options.ignore, named));

  TRY(caches.attach(context, graph, targets, platforms));

  if (dry_run != ReportForm::none) {
    const auto steps = TRY(solver::forecast(context, graph, targets));
    TRY(print(show_forecast(steps, graph, dry_run)));
    return 0;
  }
  auto results = solver::solve(context, graph, targets, jobs, opened->interrupts.token());
  if (!results) {
    progress.report(solver::BuildEnded{false});
    if (explain != ReportForm::none) TRY(print(explain_build(recording.steps(), graph, explain)));
    // Nothing showed what the failing step said.
    if (flags.quiet && !output.failed_output().empty()) print_error(output.failed_output());
    recording.failed(context, graph, results.error());
    // Where it was at that moment is nobody's fault.
    if (results.error().kind() == ErrorKind::cancelled)
      return Error(ErrorKind::cancelled, "build cancelled");
    return std::move(results).error().context("failed to build");
  }
  auto made = results_of(plans, platforms, *results, options,
                         flags.drop_in.omit_history ? History::omit : History::keep);
  for (auto& result : made)
    result.config.inline_cache = TRY(caches.inline_cache(context, result.config.diff_ids));
  auto exported = write_outputs(
      {&store, &progress, shown_steps(graph, targets), graph.size(), opened->interrupts.token()},
      outputs, made);
  if (exported) {
    const auto cached =
        caches.write(context, graph, targets, result_layers(graph, targets, *results),
                     opened->interrupts.token());
    if (!cached) exported = cached.error();
  }
  progress.report(solver::BuildEnded{exported.ok()});
  if (!exported) {
    recording.failed(context, graph, exported.error());
    return std::move(exported).error().context("failed to build");
  }
  if (explain != ReportForm::none) TRY(print(explain_build(recording.steps(), graph, explain)));
  if (!flags.iidfile.empty() && exported->id())
    TRY(write_iidfile(flags.iidfile, exported->id()->str()));
  if (!flags.metadata_file.empty())
    TRY(write_metadata(flags.metadata_file, *exported, made.front().platform, recording.id()));
  if (flags.quiet && !writes_to_standard_output(outputs))
    TRY(print((exported->id() ? exported->id()->str() : std::string()) + "\n"));
  recording.succeeded(context, graph, *results, exported->stored);
  collect_in_background(store);
  return 0;
}

}  // namespace kiln::cli
