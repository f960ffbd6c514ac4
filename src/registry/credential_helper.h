// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/credentials.h"

namespace kiln::registry {

/// What the program docker-credential-NAME keeps for a server; nullopt if nothing. Kind
/// not_found if there is no such program.
Result<std::optional<Credentials>> helper_get(const std::string& name, const std::string& server);
Result<void> helper_store(const std::string& name, const std::string& server,
                          const Credentials& credentials);
Result<void> helper_erase(const std::string& name, const std::string& server);

}  // namespace kiln::registry
