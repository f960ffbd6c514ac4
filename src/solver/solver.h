// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/result.h"
#include "llb/graph.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// Brings the targets about: the vertices they need run on `jobs` threads as their inputs become
/// ready, independent ones in parallel, each once. The first failure stops what is running and is
/// returned, naming the instruction; so does `stop`, with kind cancelled. Returns the results of
/// all vertices that the targets needed; the targets' layers are in the store then, unless
/// `context.wanted` is the cache alone.
Result<std::map<llb::VertexId, StepResult>> solve(SolveContext& context, const llb::Graph& graph,
                                                  const std::vector<llb::VertexId>& targets,
                                                  unsigned jobs, std::stop_token stop);
inline Result<std::map<llb::VertexId, StepResult>> solve(SolveContext& context,
                                                         const llb::Graph& graph,
                                                         llb::VertexId target, unsigned jobs,
                                                         std::stop_token stop) {
  return solve(context, graph, std::vector{target}, jobs, std::move(stop));
}

}  // namespace kiln::solver
