// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "os/dir.h"

namespace kiln::os {

/// Whether `dir` is on one of the file systems that are known to give a directory another ctime
/// whenever a name in it comes, goes or changes. Network file systems, FUSE and the like may not.
bool dates_directories(const Dir& dir);

}  // namespace kiln::os
