// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "solver/miss_reason.h"
#include "solver/step_context.h"

namespace kiln::solver {

struct StepOutcomeResult {
  StepResult result;
  bool cached = false;
  /// Set where steps are only looked up and this one is not there: then there is no result.
  std::optional<MissReason> missed = {};
};

/// The outcome of a step that was only looked up.
StepOutcomeResult missed_step(MissReason reason);

/// The recorded result of a key over `base`, if its layer is still in the store.
Result<std::optional<StepOutcomeResult>> find_step(SolveContext& context, const std::string& key,
                                                   const std::vector<oci::DiffId>& base);

}  // namespace kiln::solver
