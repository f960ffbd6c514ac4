// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "llb/op.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// Puts layers together into one, or finds that this was done before.
Result<StepOutcomeResult> run_squash_op(SolveContext& context, const StepInputs& inputs,
                                        const llb::SquashOp& op);

}  // namespace kiln::solver
