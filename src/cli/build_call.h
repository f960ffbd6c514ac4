// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/dockerfile_input.h"
#include "cli/session.h"
#include "frontend/build_plan.h"
#include "solver/progress.h"

namespace kiln::cli {

/// What `build --call=METHOD[,format=json]` asks for instead of a build.
struct CallRequest {
  /// `check`, `outline`, `targets` …
  std::string method;
  std::string format;
  bool ignore_status = false;
};

/// nullopt for a build. `check` stands for --check.
Result<std::optional<CallRequest>> parse_call(const std::string& call, bool check);

/// Answers on standard output. The result is the exit code: docker's.
Result<int> build_call(const Session& session, const CallRequest& call,
                       const DockerfileInput& input, const std::string& path,
                       const frontend::BuildOptions& options);

/// For a file that does not parse: what the rules say of the lines before `error`.
void report_before_error(const DockerfileInput& input, const frontend::BuildOptions& options,
                         const Error& error, solver::Progress& progress);
/// Plans a build and reports what the rules say of its stages. Kind invalid_input, too, if the file
/// wants such warnings to be errors and there are any. A failure ends the display.
Result<frontend::BuildPlan> plan_with_warnings(const dockerfile::Dockerfile& file,
                                               const frontend::BuildOptions& options,
                                               frontend::BaseImages& images,
                                               solver::Progress& progress);

}  // namespace kiln::cli
