// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/drop_in_flags.h"
#include "cli/flags.h"
#include "cli/output_flag.h"
#include "cli/registry_session.h"
#include "cli/run_step_flags.h"
#include "cli/session.h"
#include "frontend/build_plan.h"
#include "oci/reference.h"

namespace kiln::cli {

/// What was asked for on the command line of `build`, as written.
struct BuildFlags {
  std::vector<std::string> tags, build_args, build_arg_files, build_contexts, cache_from, cache_to,
      labels, env, unset_env, no_cache_stages, platforms;
  std::string file, target, call, progress, print, iidfile, metadata_file, jobs, runtime = "crun";
  std::string pull, dry_run, explain, timestamp;
  std::vector<std::string> runtime_flags;
  bool check = false, no_cache = false, quiet = false, remove = true, force_remove = false,
       compress = false, squash = false, squash_all = false;
  OutputFlags output;
  RunStepFlags run;
  DropInFlags drop_in;
  RegistryFlags registry;
};

/// The flags of `build`; `flags` must outlive what is returned.
FlagSet build_flag_set(const Session& session, BuildFlags& flags);
/// Puts what has two ways to be said into one, once the words are read.
Result<void> settle_build_flags(BuildFlags& flags);

Result<std::vector<oci::Reference>> parse_tags(const std::vector<std::string>& tags);
/// What the flags mean for the Dockerfile, the ignore patterns aside.
Result<frontend::BuildOptions> build_options(const BuildFlags& flags);
/// How many steps may run at once.
Result<unsigned> job_count(const BuildFlags& flags);

}  // namespace kiln::cli
