// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace kiln::snapshot {

/// How much is read, hashed and written at a time: small enough that it is still in a processor's
/// cache when it is passed on.
inline constexpr std::size_t kBlockSize = std::size_t{256} << 10;

}  // namespace kiln::snapshot
