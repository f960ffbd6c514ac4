// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/dockerfile_input.h"
#include "cli/flags.h"
#include "cli/progress_display.h"
#include "cli/step_output.h"
#include "executor/oci_executor.h"
#include "exporter/image_result.h"
#include "frontend/build_plan.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "solver/solver.h"

namespace kiln::cli {
namespace {

constexpr int kStandardError = 2;
constexpr unsigned kLeastJobs = 8;

struct BuildFlags {
  std::vector<std::string> tags, build_args, labels;
  std::string file, target, network = "default", progress, iidfile, jobs, runtime = "crun";
  bool no_cache = false, quiet = false, pull = false, remove = true, force_remove = false,
       load = false;
};

FlagSet build_flags(const Session& session, BuildFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] PATH", "Build an image from a Dockerfile");
  set.list("--build-arg", flags.build_args,
           "value of a build argument, NAME=VALUE or NAME from the environment")
      .option("-f,--file", flags.file,
              "the Dockerfile (default PATH/Dockerfile; - is standard input)")
      .flag("--force-rm", flags.force_remove, "accepted: nothing is left of a step in any case")
      .option("--iidfile", flags.iidfile, "write the image's ID to a file")
      .option("--jobs", flags.jobs, "steps at once (default: twice the processors, at least 8)")
      .list("--label", flags.labels, "a label of the image, NAME=VALUE")
      .flag("--load", flags.load, "accepted: the result is always in the store")
      .option("--network", flags.network, "network of RUN: host (default) or none")
      .flag("--no-cache", flags.no_cache, "run every step again")
      .option("--progress", flags.progress, "auto, plain, tty or quiet")
      .flag("-q,--quiet", flags.quiet, "print the image's ID alone")
      .flag("--rm", flags.remove, "accepted: nothing is left of a step in any case")
      .option("--runtime", flags.runtime, "the OCI runtime that runs steps")
      .list("-t,--tag", flags.tags, "a name for the image, NAME[:TAG]")
      .option("--target", flags.target, "the stage to build")
      .arguments(1, 1);
  return set;
}

Result<std::vector<oci::Reference>> parse_tags(const std::vector<std::string>& tags) {
  std::vector<oci::Reference> out;
  for (const auto& tag : tags) {
    auto reference = oci::Reference::parse(tag);
    if (!reference) {
      const bool upper = to_lower(tag.substr(0, tag.find(':'))) != tag.substr(0, tag.find(':'));
      return invalid_input(
          fmt::format("invalid tag \"{}\": {}", tag,
                      upper ? "repository name must be lowercase" : "invalid reference format"));
    }
    if (reference->digest())
      return invalid_input(
          fmt::format("invalid tag \"{}\": a digest can't be given to an image", tag));
    out.push_back(reference->with_default_tag());
  }
  return out;
}

/// NAME=VALUE; NAME alone takes its value from the environment and is left out if it has none
/// there.
std::map<std::string, std::string> parse_build_args(const std::vector<std::string>& args) {
  std::map<std::string, std::string> out;
  for (const auto& arg : args) {
    const auto [name, value] = split_once(arg, '=');
    if (value) {
      out[std::string(name)] = *value;
    } else if (const auto from_environment = os::environment(std::string(name))) {
      out[std::string(name)] = *from_environment;
    }
  }
  return out;
}

Result<std::optional<std::int64_t>> source_date_epoch(
    const std::map<std::string, std::string>& args) {
  std::optional<std::string> text;
  if (const auto given = args.find("SOURCE_DATE_EPOCH"); given != args.end()) text = given->second;
  if (!text) text = os::environment("SOURCE_DATE_EPOCH");
  if (!text || text->empty()) return std::optional<std::int64_t>();
  const auto seconds = parse_uint(*text);
  if (!seconds || *seconds > INT64_MAX)
    return invalid_input("invalid SOURCE_DATE_EPOCH: " + *text + " is not a number of seconds");
  return std::optional(static_cast<std::int64_t>(*seconds));
}

Result<frontend::BuildOptions> build_options(const BuildFlags& flags) {
  frontend::BuildOptions out;
  out.target = flags.target;
  out.build_args = parse_build_args(flags.build_args);
  for (const auto& label : flags.labels) {
    const auto [name, value] = split_once(label, '=');
    if (name.empty()) return invalid_input("invalid label \"" + label + "\": it has no name");
    out.labels[std::string(name)] = value.value_or("");
  }
  if (flags.network == "none") {
    out.network = llb::NetworkMode::none;
  } else if (flags.network != "host" && flags.network != "default") {
    return invalid_input("network mode \"" + flags.network +
                         "\" is not supported: use host or none");
  }
  out.platform = {"linux", os::go_architecture(), {}};
  out.source_date_epoch = TRY(source_date_epoch(out.build_args));
  return out;
}

Result<unsigned> job_count(const BuildFlags& flags) {
  // Steps mostly wait, for a disk, a server or a sleep: more of them than processors is right.
  if (flags.jobs.empty()) return std::max(kLeastJobs, 2 * os::processor_count());
  const auto jobs = parse_uint(flags.jobs);
  if (!jobs || *jobs == 0 || *jobs > 1024)
    return invalid_input("invalid number of jobs: " + flags.jobs);
  return static_cast<unsigned>(*jobs);
}

class StoreImages final : public frontend::BaseImages {
 public:
  explicit StoreImages(store::Store& store) : store_(&store) {}
  Result<frontend::BaseImage> resolve(const std::string& reference, const oci::Platform&) override {
    const auto image = TRY(store_->images().find(reference));
    if (!image) {
      TRY(oci::Reference::parse(reference));
      return not_found(reference + ": no such image in the store")
          .with_hint("kiln images lists what is there; kiln import and kiln load bring images in");
    }
    frontend::BaseImage out;
    out.config = TRY(store_->images().config(*image));
    return out;
  }

 private:
  store::Store* store_;
};

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

/// The last step of every build: the image gets its config, manifest and names.
Result<store::Image> export_image(store::Store& store, const frontend::BuildPlan& plan,
                                  const std::map<llb::VertexId, solver::StepResult>& results,
                                  const frontend::BuildOptions& options,
                                  const std::vector<oci::Reference>& names,
                                  solver::Progress& progress) {
  const solver::StepId step = plan.graph.size();
  progress.report(solver::StepStarted{step, "exporting to image"});
  const oci::ImageConfig config = exporter::finish_config(
      plan.config, built_steps(plan, results), options.source_date_epoch, os::wall_clock());
  auto image = store.images().put(config.to_json(), names);
  if (!image) {
    progress.report(solver::StepEnded{step, solver::StepOutcome::failed, image.error().message()});
    return image;
  }
  progress.report(solver::StepNote{step, "writing image " + image->id.str()});
  for (const auto& name : names)
    progress.report(solver::StepNote{step, "naming to " + name.canonical()});
  progress.report(solver::StepEnded{step, solver::StepOutcome::done, {}});
  return image;
}

Result<std::unique_ptr<solver::Progress>> open_progress(const BuildFlags& flags) {
  ProgressOptions options;
  std::string word = flags.progress;
  if (word.empty()) word = os::environment("BUILDKIT_PROGRESS").value_or("");
  const auto mode = parse_progress_mode(word);
  if (!mode)
    return invalid_input("invalid progress mode: " + word + " (one of auto, plain, tty, quiet)");
  options.mode = flags.quiet ? ProgressMode::quiet : *mode;
  options.colours = choose_colours(os::environment("NO_COLOR").value_or(""),
                                   os::environment("BUILDKIT_COLORS").value_or(""));
  return create_progress(kStandardError, options);
}

}  // namespace

Result<int> build_command(const Session& session, std::vector<std::string> words) {
  BuildFlags flags;
  FlagSet set = build_flags(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::vector<oci::Reference> names = TRY(parse_tags(flags.tags));
  frontend::BuildOptions options = TRY(build_options(flags));
  const unsigned jobs = TRY(job_count(flags));
  const DockerfileInput input = TRY(read_dockerfile(parsed.arguments.front(), flags.file));
  options.ignore = input.ignore;
  const dockerfile::Dockerfile file = TRY(dockerfile::parse(input.name, input.text));

  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  StoreImages images(store);
  const frontend::BuildPlan plan = TRY(frontend::plan_build(file, options, images));

  const auto display = TRY(open_progress(flags));
  StepOutputKeeper progress(*display);
  executor::OciExecutor executor(
      {store.workspace().path() + "/executor", flags.runtime, {}, store.paths().executor_cache()});
  solver::SolveContext context{store, executor, progress};
  context.cache = flags.no_cache ? solver::UseCache::ignore : solver::UseCache::use;
  context.contexts["context"] = TRY(solver::ContextTree::open(
      input.context_path, options.ignore, store.load_stat_index(input.context_path)));

  auto results = solver::solve(context, plan.graph, plan.result, jobs, interrupts.token());
  if (!results) {
    progress.report(solver::BuildEnded{false});
    // Nothing showed what the failing step said.
    if (flags.quiet && !progress.failed_output().empty()) print_error(progress.failed_output());
    return std::move(results).error().context("failed to build");
  }
  const store::Image image = TRY(export_image(store, plan, *results, options, names, progress));
  progress.report(solver::BuildEnded{true});
  if (!flags.iidfile.empty()) TRY(os::write_file_atomically(flags.iidfile, image.id.str()));
  if (flags.quiet) TRY(print(image.id.str() + "\n"));
  return 0;
}

}  // namespace kiln::cli
