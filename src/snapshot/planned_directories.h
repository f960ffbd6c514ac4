// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/result.h"
#include "os/dir.h"
#include "snapshot/layer_plan.h"

namespace kiln::snapshot {

/// The mode that a directory is made with: one that lets its maker fill it.
using DirectoryMode = std::function<std::uint32_t(const PlannedEntry&)>;

/// Makes all directories of a plan in the empty `fs`, with the marks of opaque ones, and nothing
/// else; many of them on several threads.
Result<void> make_directories(const os::Dir& fs, const PlannedEntry& root,
                              const DirectoryMode& mode, const std::stop_token& stop);

}  // namespace kiln::snapshot
