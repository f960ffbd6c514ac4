// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "dockerfile/ignore.h"

namespace kiln::dockerfile {

/// Which paths below one are chosen: those that `include` matches, all without it, but for those
/// that `exclude` matches.
class PathFilter {
 public:
  PathFilter(std::optional<IgnorePatterns> include, IgnorePatterns exclude)
      : include_(std::move(include)), exclude_(std::move(exclude)) {}
  bool chooses(std::string_view relative) const {
    return (!include_ || include_->ignores(relative)) &&
           (exclude_.empty() || !exclude_.ignores(relative));
  }

 private:
  std::optional<IgnorePatterns> include_;
  IgnorePatterns exclude_;
};

}  // namespace kiln::dockerfile
