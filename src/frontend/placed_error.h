// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/error.h"
#include "dockerfile/source.h"

namespace kiln::frontend {

/// An error at a place of the Dockerfile, with the quoted lines; the caret is below `focus`.
Error error_at(const dockerfile::Source& source, dockerfile::Range range, Error error,
               std::optional<dockerfile::Range> focus = std::nullopt);
/// Several errors as one, told as the parser tells them.
Error all_of(std::vector<Error> errors);

}  // namespace kiln::frontend
