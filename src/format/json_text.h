// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace kiln::format {

enum class EscapeHtml { no, yes };
/// encoding/json's compact form, keys sorted.
std::string to_json_text(const nlohmann::json& value, EscapeHtml escape_html = EscapeHtml::no);

}  // namespace kiln::format
