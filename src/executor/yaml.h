// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace kiln::executor {

/// The first document of a YAML text as JSON: scalars without quotes become null, booleans and
/// numbers where they look like them, keys are always strings. Kind corrupt, with `what` and the
/// line, for what is no YAML, tags that aren't YAML's own, keys that stand there twice, and for
/// texts that nest too deeply or grow too large through their aliases.
Result<nlohmann::json> parse_yaml(std::string_view text, std::string_view what);

}  // namespace kiln::executor
