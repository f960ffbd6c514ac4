// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "dockerfile/parser.h"
#include "frontend/stage_lowering.h"

namespace kiln::frontend {

/// `[label 2/5] TEXT`.
std::string step_name(const std::string& label, std::size_t index, std::size_t total,
                      const std::string& text);
/// Steps of a stage that show in progress: what makes a layer, of its own and of the triggers of
/// its base; and FROM if that brings an image in.
std::size_t count_steps(const dockerfile::Stage& stage, const StageState& base);

}  // namespace kiln::frontend
