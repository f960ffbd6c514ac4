// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/buildkit_op.h"
#include "solver/source_tree.h"

namespace kiln::cache {

/// BuildKit's checksum of what a step reads of a build context: names, types, modes, extended
/// attributes, link targets and content, no times and no owners. nullopt for what it could not be
/// made of: files that are not there, or are neither regular files nor directories nor symlinks.
Result<std::optional<std::string>> buildkit_checksum(solver::SourceTree& tree,
                                                     const std::vector<BuildkitFiles>& files,
                                                     const std::stop_token& stop);

}  // namespace kiln::cache
