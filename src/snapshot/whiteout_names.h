// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/dir.h"
#include "snapshot/layer_plan.h"

/// Files that are named as a layer's tar form names its whiteouts (".wh.NAME"). Whoever reads the
/// image from its layers takes them for whiteouts, as BuildKit's images show; so they become such.
namespace kiln::snapshot {

/// The mark `name` in the directory `parent`: ".wh.NAME" hides NAME of lower layers (what this
/// layer has there stays, without what is below it), ".wh..wh..opq" all of the directory. Other
/// names of ".wh..wh." say nothing. Kind corrupt for a whiteout of nothing.
Result<void> apply_whiteout_mark(const os::Dir& parent, const std::string& name);

/// Puts whiteouts in place of such files of a layer's directory; returns their paths. Kind
/// invalid_input for a directory of such a name: no reader agrees with another on it.
Result<std::vector<std::string>> adopt_whiteout_names(const os::Dir& root);
/// The same in a plan.
Result<std::vector<std::string>> adopt_whiteout_names(PlannedEntry& root);

}  // namespace kiln::snapshot
