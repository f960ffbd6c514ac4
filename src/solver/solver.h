// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <stop_token>

#include "base/result.h"
#include "llb/graph.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// Brings `target` about: the vertices it needs run on `jobs` threads as their inputs become ready,
/// independent ones in parallel, each once. The first failure stops what is running and is
/// returned, naming the instruction; so does `stop`, with kind cancelled. Returns the results of
/// all vertices that `target` needed.
Result<std::map<llb::VertexId, StepResult>> solve(SolveContext& context, const llb::Graph& graph,
                                                  llb::VertexId target, unsigned jobs,
                                                  std::stop_token stop);

}  // namespace kiln::solver
