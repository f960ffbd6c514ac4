// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "solver/miss_reason.h"

namespace kiln::solver {

/// Where two stacks of layers part.
struct StackDiff {
  std::string name;       ///< as in the later list: `layer`, `source1`, `cache0`
  std::size_t first = 0;  ///< lowest is 0
  /// There, or the last layer of a stack that has ended; empty if it has none.
  std::string before, after;
};

/// How two input lists of records differ, as CacheRecords keeps them.
struct InputDiff {
  std::vector<Change> files;
  std::vector<StackDiff> stacks;  ///< at most one for each name, the root's first
};

/// What a step takes files from: a source of a COPY, or a mount of a RUN.
struct InputSource {
  std::string pattern;  ///< says in which directory a selected file stands
  std::string key;      ///< the same for what is compared with one another
};

/// `before_sources` and `after_sources` are those of the steps, in order. Files of a source that
/// only one of them has are left out: that it is there is the difference. What is equal at both
/// ends of long lists costs no more than a comparison.
InputDiff diff_inputs(std::string_view before, std::string_view after,
                      const std::vector<InputSource>& before_sources,
                      const std::vector<InputSource>& after_sources);

}  // namespace kiln::solver
