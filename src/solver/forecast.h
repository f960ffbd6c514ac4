// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "llb/graph.h"
#include "solver/miss_reason.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// What a build would do with one step.
struct StepForecast {
  enum class Verdict {
    hit,
    run,
    depends,  ///< on what a step that runs before it makes: it may hit or run
  };
  llb::VertexId vertex = 0;
  Verdict verdict = Verdict::hit;
  MissReason reason;               ///< of a step that runs
  std::vector<llb::VertexId> on;   ///< of a step that depends: the inputs that would run
  std::int64_t milliseconds = -1;  ///< as long as an earlier run took; -1: unknown
};

/// What the targets would need, inputs first; sources are left out. Runs nothing and writes
/// nothing, neither records nor stat indexes; files of a context that are not known are read. Kinds
/// as for the build: a COPY whose source is missing fails here too.
Result<std::vector<StepForecast>> forecast(SolveContext& context, const llb::Graph& graph,
                                           const std::vector<llb::VertexId>& targets);

}  // namespace kiln::solver
