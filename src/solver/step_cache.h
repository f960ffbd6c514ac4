// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  std::int64_t milliseconds = 0;  ///< how long its run took
  /// The cache elsewhere that a hit comes from; its layer may not be in the store yet.
  CacheImport* from = nullptr;
  std::string key_there;
  /// Set where steps are only looked up and this one is not there: then there is no result.
  std::optional<MissReason> missed = {};
};

/// The outcome of a step that was only looked up.
StepOutcomeResult missed_step(MissReason reason);

/// What would be kept of a step. Input lists are long: it is made only where it is kept.
using MakeRecord = std::function<store::CacheRecord()>;

/// The recorded result of a key over the layers of the step's first input: the store's, if its
/// layer is still there, else that of the first cache elsewhere that has one.
Result<std::optional<StepOutcomeResult>> find_step(SolveContext& context, const StepInputs& inputs,
                                                   const std::string& key,
                                                   const MakeRecord& make_record);

/// Whether some of `layers` are not in the store: a look-up alone does not fetch them.
bool are_away(const SolveContext& context, const std::vector<oci::DiffId>& layers);

/// Keeps the record of `outcome` under its key and `other_keys`, where records of its origin are
/// kept, and notes it as a result of this build. The outcome's layer and times are filled in.
Result<void> keep_record(SolveContext& context, store::CacheRecord record,
                         const StepOutcomeResult& outcome,
                         const std::vector<std::string>& other_keys = {});

std::int64_t milliseconds_since(std::chrono::steady_clock::time_point start);

}  // namespace kiln::solver
