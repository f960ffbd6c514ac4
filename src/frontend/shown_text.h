// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dockerfile/expand.h"
#include "dockerfile/instructions.h"

namespace kiln::frontend {

/// An instruction as progress shows it, which is as BuildKit does: with the values of its
/// variables, but for those that a RUN has from secrets. What can't be expanded stays.
std::string shown_text(const dockerfile::Instruction& instruction, dockerfile::Lookup values,
                       char escape);

}  // namespace kiln::frontend
