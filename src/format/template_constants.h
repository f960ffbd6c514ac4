// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "format/template_lexer.h"

/// What the tokens of a template stand for: Go's literals. Kind invalid_input, without a place, for
/// what Go's text/template refuses.
namespace kiln::format {

/// Of a boolean, a character, a number or a string.
Result<nlohmann::json> constant_value(const Token& token);
/// Of a string, quoted or raw.
Result<std::string> string_value(const Token& token);

/// A token as messages quote it.
std::string describe(const Token& token);

}  // namespace kiln::format
