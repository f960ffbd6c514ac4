// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "solver/step_context.h"

namespace kiln::solver {

struct StepOutcomeResult {
  StepResult result;
  bool cached = false;
};

/// The recorded result of a key over `base`, if its layer is still in the store.
Result<std::optional<StepOutcomeResult>> find_step(SolveContext& context, const std::string& key,
                                                   const std::vector<oci::DiffId>& base);

}  // namespace kiln::solver
