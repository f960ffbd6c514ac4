// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// Brings one vertex about, whatever its op: looks it up, and runs it if it is not there and the
/// context says that steps run.
Result<StepOutcomeResult> run_op(SolveContext& context, const StepInputs& inputs);

/// Where the layers of a step's result come from: those of its first input, and its own; of a
/// merge, those of its inputs.
std::vector<const llb::Vertex*> makers_of(const StepInputs& inputs, std::size_t layers);

}  // namespace kiln::solver
