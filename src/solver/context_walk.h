// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "dockerfile/ignore.h"
#include "os/dir.h"
#include "solver/source_tree.h"
#include "solver/tree_listing.h"

namespace kiln::solver {

struct ContextWalk {
  const os::Dir& root;
  const dockerfile::IgnorePatterns& ignore;
  /// What a walk of the same top with the same patterns saw earlier; may be null.
  const TreeListing* known = nullptr;
  TimePoint now;  ///< before the walk
  /// Whether it is enough to learn that nothing has changed.
  Recall recall = Recall::ignore;
};

struct WalkedContext {
  /// All is as it was known, and only the top is listed, because that may be recalled.
  bool unchanged = false;
  std::vector<TreeEntry> entries;
  /// For a later walk; empty if something is not settled, so that it could change unnoticed, or
  /// if it would be what is known.
  std::string listing;
};

/// `top` and everything below it, a directory before its content, names sorted bytewise. What
/// `ignore` leaves out is not listed, and a directory in which nothing can be taken back is not
/// entered. Each file's stat is looked at; a directory is not read again if its stat, on a file
/// system that dates directories, says that its names are those that are known. Large trees are
/// walked by several threads; the result is the same.
Result<WalkedContext> walk_context(const ContextWalk& walk, const TreeEntry& top);

}  // namespace kiln::solver
