// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "llb/op.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// COPY, ADD, WORKDIR: looks its result up by what it would copy, else makes the layer.
Result<StepOutcomeResult> run_file_op(SolveContext& context, const StepInputs& inputs,
                                      const llb::FileOp& op);

}  // namespace kiln::solver
