// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kiln::format {

/// JSON text laid out anew as Go's json.Indent does, a step at a time by `indent`; what it says
/// stays byte by byte. `text` is valid JSON.
std::string indent_json(std::string_view text, std::string_view indent);

}  // namespace kiln::format
