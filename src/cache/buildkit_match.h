// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/buildkit_op.h"
#include "cache/buildkit_records.h"
#include "oci/platform.h"
#include "solver/step_context.h"

namespace kiln::cache {

/// What was found of a vertex.
struct BuildkitMatch {
  /// Files of a context that count by content.
  struct Files {
    std::string context;
    std::vector<BuildkitFiles> files;
    std::string checksum;
  };
  BuildkitRecords::Outcome outcome;
  std::vector<Files> files;
};

/// The vertices that `targets` need and that a cache of BuildKit's form has results of: from the
/// targets down, as far as each result stands on the layers that the one above it says. Contexts
/// are read where a record asks for their content.
Result<std::map<llb::VertexId, BuildkitMatch>> match_buildkit_records(
    const BuildkitRecords& records, solver::SolveContext& context, const llb::Graph& graph,
    const std::vector<llb::VertexId>& targets, const oci::Platform& host,
    const std::stop_token& stop);

/// What is read of a context for an input that counts by content; nullopt for other inputs, and for
/// what can't be told.
Result<std::optional<BuildkitMatch::Files>> read_context_files(solver::SolveContext& context,
                                                               const llb::Graph& graph,
                                                               const BuildkitInput& input,
                                                               const std::stop_token& stop);
/// Whether all of them are still what they were.
Result<bool> is_unchanged(solver::SolveContext& context,
                          const std::vector<BuildkitMatch::Files>& files,
                          const std::stop_token& stop);

/// COPY --link into scratch: a copy alone.
bool is_merge_with_nothing(const llb::Graph& graph, llb::VertexId vertex);

}  // namespace kiln::cache
