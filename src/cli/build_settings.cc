// SPDX-License-Identifier: Apache-2.0
#include "cli/build_settings.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/build_outputs.h"
#include "cli/commands.h"
#include "cli/platform_flag.h"
#include "cli/progress_display.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

constexpr int kStandardError = 2;

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
  const bool anywhere =
      std::ranges::find(flags.run.allow, "buildx.local.delete") != flags.run.allow.end();
  TRY(check_destinations(outputs, anywhere ? Deleting::anywhere : Deleting::below_here));
  for (const auto& warning : warnings) print_error("warning: " + warning);
  return outputs;
}

/// All displays of the build add to it.
Result<void> empty_log_file(const std::string& path) {
  const os::Fd file = TRY(os::create_or_truncate_file(path).context("--logfile"));
  return {};
}

}  // namespace

bool is_set(const frontend::BuildOptions& options, const char* argument) {
  const auto given = options.build_args.find(argument);
  if (given == options.build_args.end()) return false;
  return parse_bool_in_any_case(given->second).value_or(false);
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

Result<BuildSettings> build_settings(BuildFlags flags, std::string context) {
  TRY(settle_build_flags(flags));
  TRY(parse_tags(flags.tags));
  frontend::BuildOptions options = TRY(build_options(flags));
  auto outputs = TRY(requested_outputs(flags, options));
  auto platforms = TRY(build_platforms(flags.platforms));
  for (const auto& output : outputs) {
    TRY(check_annotations(output.annotations,
                          platforms.empty() ? std::vector{host_platform()} : platforms));
  }
  const unsigned jobs = TRY(job_count(flags));
  std::string profile = TRY(seccomp_profile(flags.drop_in));
  const ReportForm dry_run = TRY(parse_report_form(flags.dry_run, "--dry-run"));
  const ReportForm explain = TRY(parse_report_form(flags.explain, "--explain"));
  solver::RunEnvironment environment = TRY(run_environment(flags.run));
  auto devices = TRY(device_grants(flags.run, environment));
  options.run.devices = devices.get();
  if (!flags.drop_in.log_file.empty()) TRY(empty_log_file(flags.drop_in.log_file));
  if (is_set(options, "BUILDKIT_INLINE_CACHE")) flags.cache_to.emplace_back("type=inline");
  CacheSession caches = TRY(CacheSession::open(flags.cache_from, flags.cache_to));
  PullPolicy pull = TRY(parse_pull_policy(flags.pull));
  // A forecast changes nothing in the store.
  if (dry_run != ReportForm::none) pull = PullPolicy::never;
  NamedContextFlags named = TRY(parse_named_contexts(flags.build_contexts));
  options.contexts = named.contexts;
  return BuildSettings{std::move(flags),
                       std::move(context),
                       std::move(options),
                       std::move(outputs),
                       std::move(platforms),
                       jobs,
                       std::move(profile),
                       dry_run,
                       explain,
                       std::move(environment),
                       std::move(devices),
                       std::move(caches),
                       pull,
                       std::move(named)};
}

}  // namespace kiln::cli
