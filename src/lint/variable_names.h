// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::lint {

/// ` (did you mean X?)` with the name that is at most two edits away, or nothing.
std::string name_hint(std::string_view name, const std::vector<std::string>& names,
                      std::string_view prefix = {});

/// Whether a variable of this name likely holds a secret: a word of it, between underscores, says
/// so (key, token, password …), and none says otherwise (public).
bool sounds_secret(std::string_view name);

}  // namespace kiln::lint
