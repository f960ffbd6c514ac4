// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/buildkit_match.h"
#include "cache/buildkit_op.h"
#include "oci/platform.h"
#include "solver/step_context.h"

namespace kiln::cache {

/// What a build's steps are called in a cache of BuildKit's form.
class BuildkitExport {
 public:
  /// Before the build: what it is going to read of its contexts is noted.
  static Result<BuildkitExport> prepare(solver::SolveContext& context, const llb::Graph& graph,
                                        const std::vector<llb::VertexId>& targets,
                                        const oci::Platform& host, const std::stop_token& stop);

  using Results = std::map<llb::VertexId, solver::StepResult>;
  /// Where a result's layers stand in the cache, as members of its record; nullopt if they are not
  /// there.
  using Place = std::function<std::optional<nlohmann::json>(const solver::StepResult& result)>;
  /// After the build: a list of records. A step whose files have changed meanwhile has none, nor
  /// has what stands on it.
  Result<nlohmann::json> records(solver::SolveContext& context, const Results& results,
                                 const Place& place, const std::stop_token& stop) const;

 private:
  struct Name {
    BuildkitOp op;
    std::vector<std::string> contents;  ///< by input: the record of its files, or nothing
  };
  struct Step {
    llb::VertexId vertex;
    std::string root;                      ///< the record of an image
    std::optional<llb::VertexId> same_as;  ///< it is that vertex
    std::vector<Name> names;
    std::vector<BuildkitMatch::Files> files;
  };
  std::vector<Step> steps_;  // inputs first
};

}  // namespace kiln::cache
