// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "os/dir.h"

namespace kiln::os {

/// Places to mount things on, made in a container's root file system where they are missing and
/// taken away afterwards, so that they leave no trace there. The directories that had to be changed
/// get their old modification time back.
class MountPoints {
 public:
  enum class Kind { file, directory };
  enum class Keep { no, yes };

  MountPoints() = default;
  MountPoints(MountPoints&&) = default;
  MountPoints& operator=(MountPoints&&) = delete;
  ~MountPoints() { (void)remove(); }

  /// Makes sure that `target` is there beneath `root`, with all folders above it. Symlinks are
  /// followed as a process chrooted there would; nothing outside is touched. What `Keep::yes` made
  /// stays. Kind invalid_input if something on the way is neither a folder nor a link to one.
  Result<void> ensure(const Dir& root, std::string_view target, Kind kind, Keep keep = Keep::no);

  /// Removes what was made, in reverse: files that are still empty and folders that nothing was put
  /// into. Everything else is somebody's work by now and stays.
  Result<void> remove();

 private:
  struct Made {
    Dir parent;
    std::string name;
    Kind kind;
    std::uint64_t inode;
    TimePoint modified_before;  // of parent
    TimePoint modified_after;
  };
  Result<void> make(Dir parent, const std::string& name, Kind kind, Keep keep);

  std::vector<Made> made_;
};

}  // namespace kiln::os
