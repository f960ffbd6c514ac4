// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "llb/op.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// RUN: looks its result up, else runs the process over a mount of the layers and makes a layer of
/// what it changed. A process that fails is of kind step_failed, with its exit code.
Result<StepOutcomeResult> run_exec_op(SolveContext& context, const StepInputs& inputs,
                                      const llb::ExecOp& op);

}  // namespace kiln::solver
