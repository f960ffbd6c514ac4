// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "solver/miss_reason.h"
#include "solver/step_context.h"
#include "store/cache_records.h"

namespace kiln::solver {

/// Where a step stands, for a later build that looks for its earlier run.
std::string step_place(const SolveContext& context, const llb::Vertex& vertex);

/// What ran before as this instruction, else as one of its kind at its place: the latest first.
Result<std::vector<store::EarlierRecord>> earlier_runs(const SolveContext& context,
                                                       const llb::Vertex& vertex, std::size_t most);

/// Why `record`, whose key was not found, is no hit: compared with the nearest earlier record of
/// the same instruction, else of the same kind at the same place. Reports it, and notes that the
/// step runs. What can't be found out is left out: a build never fails for it.
MissReason report_miss(SolveContext& context, const StepInputs& inputs,
                       const store::CacheRecord& record);

/// How long a step took that was run before as this instruction; -1 if it never was.
std::int64_t expected_milliseconds(SolveContext& context, const llb::Vertex& vertex);

}  // namespace kiln::solver
