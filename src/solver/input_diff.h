// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "solver/miss_reason.h"

namespace kiln::solver {

/// How two input lists of records differ, as CacheRecords keeps them.
struct InputDiff {
  std::vector<Change> files;
  /// Where the stacks of layers part, lowest is 0; npos if they are the same.
  std::size_t first_layer = npos;
  std::string layer_before, layer_after;  ///< at that place; empty where a stack has ended
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

/// `patterns` are the sources of the step's COPY actions, in order: they say in which directory a
/// selected file stands. What is equal at both ends of long lists costs no more than a comparison.
InputDiff diff_inputs(std::string_view before, std::string_view after,
                      const std::vector<std::string>& patterns);

}  // namespace kiln::solver
