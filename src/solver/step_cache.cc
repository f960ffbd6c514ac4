// SPDX-License-Identifier: Apache-2.0
#include "solver/step_cache.h"

namespace kiln::solver {

StepOutcomeResult missed_step(MissReason reason) {
  StepOutcomeResult out;
  out.missed = std::move(reason);
  return out;
}

Result<std::optional<StepOutcomeResult>> find_step(SolveContext& context, const std::string& key,
                                                   const std::vector<oci::DiffId>& base) {
  const auto record = TRY(context.store.records().find(key));
  if (!record || !record->layer) return std::optional<StepOutcomeResult>();
  const auto layer = TRY(context.store.layers().find(*record->layer));
  if (!layer) return std::optional<StepOutcomeResult>();
  context.note_used(key);
  StepOutcomeResult out;
  out.result.layers = base;
  out.result.layers.push_back(*record->layer);
  out.result.created = record->created;
  out.cached = true;
  return std::optional(std::move(out));
}

}  // namespace kiln::solver
