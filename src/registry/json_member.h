// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace kiln::registry {

/// The text of a JSON object, which has to be one, with `value` as the member `key`. All else stays
/// as it is, byte by byte.
std::string with_member(std::string_view object, std::string_view key, const nlohmann::json& value);

}  // namespace kiln::registry
