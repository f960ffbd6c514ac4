// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

/// Results that caches elsewhere offer for vertices as a whole. A step's key is only known when its
/// inputs are; an offer is there before, so that a stage of which just files are taken needs not be
/// brought about where the step that takes them is offered.
namespace kiln::solver {

/// Asks the caches of a build. Before its steps run.
void collect_offers(SolveContext& context, const llb::Graph& graph,
                    const std::vector<llb::VertexId>& targets, const std::stop_token& stop);

/// Vertices that are taken as they are offered: one of their inputs besides the first would have to
/// be brought about to look them up.
std::set<llb::VertexId> vertices_taken_whole(const SolveContext& context, const llb::Graph& graph);
/// What the targets need then, inputs first: of what is taken whole, the first input only.
std::vector<llb::VertexId> needed_vertices(const llb::Graph& graph,
                                           const std::vector<llb::VertexId>& targets,
                                           const std::set<llb::VertexId>& taken_whole);

/// The step's own layer, if `from` offers a result that stands on the layers which the step's first
/// input has come to, and that still holds.
std::optional<ImportedStep> find_offered(SolveContext& context, CacheImport& from,
                                         const StepInputs& inputs, const std::string& key);

/// The outcome of a vertex that is taken whole; its only input is the first one. Kind interrupted
/// if no offer stands on that: then the vertex is declined, and the build begins anew without it.
Result<StepOutcomeResult> take_whole(SolveContext& context, const StepInputs& inputs);

}  // namespace kiln::solver
