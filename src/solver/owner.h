// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "snapshot/layer_view.h"

namespace kiln::solver {

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::string> unknown_names;  ///< that 0 stands for
};

/// `USER[:GROUP]` of --chown, or of the USER that WORKDIR works for, against the passwd and group
/// files of `root`. A user by name brings its own group; a number alone, as
/// which root counts, is its own group too. Empty
/// is 0:0. A user that isn't there is 0, and a group that isn't leaves the user's, as in BuildKit;
/// the caller should say so.
Result<Owner> resolve_owner(const snapshot::LayerView& root, const std::string& text);

}  // namespace kiln::solver
