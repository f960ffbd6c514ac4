// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace kiln::cli {

/// What refers to an image, by docker's RepoDigests of it, at their registries: descriptors with
/// the repository that has each. Asks the network.
Result<nlohmann::ordered_json> find_referrers(const std::vector<std::string>& repo_digests);

}  // namespace kiln::cli
