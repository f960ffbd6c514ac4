// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dockerfile/parser.h"
#include "frontend/build_plan.h"
#include "lint/findings.h"

namespace kiln::lint {

enum class Stages {
  needed,  ///< what the target needs
  all,     ///< every stage, unless a target is named
};

struct LintRequest {
  CheckOptions options;
  Caller caller = Caller::lint;
  Stages stages = Stages::all;
  /// Target, build arguments, platform and ignore patterns.
  frontend::BuildOptions build;
  /// Where base images are found; may be null. Without its base image a stage is not searched for
  /// undefined variables, as the image may define them.
  frontend::BaseImages* images = nullptr;
};

/// What the rules say of a file that parsed, in the order of BuildKit: those that look at the text
/// first, then those that look at what instructions come to, stage by stage.
std::vector<Finding> lint(const dockerfile::Dockerfile& file, const LintRequest& request);

/// The same of a file that does not parse, up to the line of its first error.
std::vector<Finding> lint_before_error(const dockerfile::Source& source, unsigned error_line,
                                       const LintRequest& request);

/// The line that an error about `source` names first.
std::optional<unsigned> error_line(const dockerfile::Source& source, const Error& error);

/// Without those that docker would not have come to: an error in the plan ends its search. `error`
/// is what planning the same file said.
std::vector<Finding> before_plan_error(std::vector<Finding> findings,
                                       const dockerfile::Dockerfile& file, const Error& error);

/// The options that hold for a file: BUILDKIT_DOCKERFILE_CHECK among the build arguments, else the
/// check directive. An error in the latter has its line and a caret.
Result<CheckOptions> check_options_of(const dockerfile::Source& source,
                                      const dockerfile::Directives& directives,
                                      const std::map<std::string, std::string>& build_args);
/// The same of a file that may not parse.
Result<CheckOptions> check_options_of(const dockerfile::Source& source,
                                      const std::map<std::string, std::string>& build_args);

/// The rules that were found, in the order of their first finding: `A, B`.
std::string rule_names(const std::vector<Finding>& findings);

}  // namespace kiln::lint
