// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

#include "base/result.h"

namespace kiln::exporter {

/// Does `work` for 0 … count-1 on at most `threads` threads. The first failure stops the others
/// through the token that they get, and is what comes back.
Result<void> for_each_layer(
    std::size_t count, unsigned threads, std::stop_token stop,
    const std::function<Result<void>(std::size_t index, std::stop_token stop)>& work);

}  // namespace kiln::exporter
