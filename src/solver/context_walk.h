// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "dockerfile/ignore.h"
#include "os/dir.h"
#include "solver/source_tree.h"

namespace kiln::solver {

/// Everything below the directory `top` of the context `root`, a directory before its content,
/// names sorted bytewise. What `ignore` leaves out is not listed, and a directory in which nothing
/// can be taken back is not entered; sockets are left out too. Large trees are walked by several
/// threads; the result is the same.
Result<std::vector<TreeEntry>> walk_context(const os::Dir& root,
                                            const dockerfile::IgnorePatterns& ignore,
                                            const os::RelPath& top);

}  // namespace kiln::solver
