// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/registry.h"

namespace kiln::registry {

struct SearchResult {
  std::string name, description;
  std::int64_t stars = 0;
  bool official = false, automated = false;
};

/// Asks a registry's index for repositories (docker's API of version 1, `GET /v1/search`): that of
/// Docker Hub, or of the registry that `term` begins with. At most `limit` of them, in the server's
/// order. Kind not_found if the registry has no such index.
Result<std::vector<SearchResult>> search(Registries& registries, const std::string& term,
                                         unsigned limit, std::stop_token stop);

}  // namespace kiln::registry
