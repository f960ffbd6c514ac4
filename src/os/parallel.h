// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"

namespace kiln::os {

/// As many threads as are worth having for work that the processors and the file system share.
unsigned worker_count();

/// Calls `work(begin, end)` for consecutive parts of [0, count) on several threads, the caller's
/// among them; on the caller's alone if there are fewer than `least` for a second one. Returns the
/// error of the lowest part that failed.
Result<void> for_each_part(std::size_t count, std::size_t least,
                           const std::function<Result<void>(std::size_t, std::size_t)>& work);

}  // namespace kiln::os
