// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/build_context.h"
#include "cli/build_flags.h"
#include "cli/build_report.h"
#include "cli/cache_session.h"
#include "cli/device_grants.h"
#include "cli/output_flag.h"
#include "cli/store_images.h"
#include "frontend/build_plan.h"
#include "oci/platform.h"
#include "solver/progress.h"

namespace kiln::cli {

/// What the words of `build` come to, checked as far as they can be without the store and the
/// context.
struct BuildSettings {
  BuildFlags flags;
  std::string context;  ///< as on the command line
  frontend::BuildOptions options;
  std::vector<BuildOutput> outputs;
  std::vector<oci::Platform> platforms;  ///< none: this machine's
  unsigned jobs = 1;
  std::string seccomp_profile;  ///< empty for the usual one
  ReportForm dry_run = ReportForm::none;
  ReportForm explain = ReportForm::none;
  solver::RunEnvironment environment;
  std::unique_ptr<DeviceGrants> devices;  ///< what options points to
  CacheSession caches;
  PullPolicy pull = PullPolicy::missing;
  NamedContextFlags named;

  bool is_dry_run() const { return dry_run != ReportForm::none; }
};

/// Warnings go to standard error.
Result<BuildSettings> build_settings(BuildFlags flags, std::string context);

/// Whether a build argument that is for the builder says yes.
bool is_set(const frontend::BuildOptions& options, const char* argument);

/// The display that the flags and the environment ask for, on standard error.
Result<std::unique_ptr<solver::Progress>> open_progress(const BuildFlags& flags);

}  // namespace kiln::cli
