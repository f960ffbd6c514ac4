// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dockerfile/expand.h"
#include "dockerfile/parser.h"
#include "frontend/build_plan.h"
#include "frontend/global_args.h"
#include "frontend/variables.h"

namespace kiln::frontend {

/// A stage as it stands after some of its instructions.
struct StageState {
  llb::VertexId root = 0;
  oci::ImageConfig config;
  std::vector<HistoryStep> history;
  Variables variables;                 ///< what RUN and expansion see: ENV and declared ARG
  std::vector<std::string> arg_names;  ///< declared in this stage or one it is based on
  bool begins_with_image = false;      ///< FROM is a step: neither scratch nor another stage
};

/// What lowering one stage needs from the rest of the build.
struct StageContext {
  const dockerfile::Dockerfile& file;
  const BuildOptions& options;
  const GlobalArgs& globals;
  llb::Graph& graph;
  /// The result of the stage or image that `COPY --from=` names.
  std::function<Result<llb::VertexId>(const dockerfile::Word& name)> resolve_from;
  std::vector<std::string>& warnings;
  std::string label;  ///< the stage's name in progress output; empty in a build of one stage
  bool ignore_cache = false;  ///< its steps run again
};

/// Runs a stage's instructions, ONBUILD triggers of its base first, over the state that FROM gave.
Result<StageState> lower_stage(const dockerfile::Stage& stage, StageState base,
                               StageContext context);

}  // namespace kiln::frontend
