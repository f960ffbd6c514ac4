// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "archive/tar_entry.h"

namespace kiln::snapshot {

/// Whether the entries of a layer's stream come as write_tree_tar has them for the tree that they
/// make. It sees entries alone: what a file system made of them is for whoever unpacks them to
/// look at (of hard links, that the metadata are the file's; of xattrs, that all could be set).
class TreeOrder {
 public:
  /// The next entry. False, then and from then on, once one stands where, or says what, the tree's
  /// own stream wouldn't; also for what some file system can't hold as it is.
  bool add(const archive::TarEntry& entry);

 private:
  /// A directory whose entries may still come.
  struct Level {
    std::string path;
    std::string last = {};  ///< name that came last in it; of a whiteout, the name that it hides
    bool marked = false;    ///< opaque
  };

  bool fits(const archive::TarEntry& entry);
  bool fits_root(const archive::TarEntry& entry) const;
  /// Closes directories until the one of that path is the last open one; false if it isn't open.
  bool leave_to(std::string_view parent);

  std::vector<Level> open_ = {{}};
  std::unordered_set<std::string> links_;  ///< paths of hard links: none is the file's first
  bool any_ = false;
  bool in_order_ = true;
};

}  // namespace kiln::snapshot
