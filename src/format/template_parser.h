// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "format/template_ast.h"

namespace kiln::format {

/// The syntax tree of a Go template. Functions and variables are checked here, as in Go. Errors are
/// of kind invalid_input: `template: :LINE: what is wrong`.
Result<ast::Program> parse_template(std::string_view text);

}  // namespace kiln::format
