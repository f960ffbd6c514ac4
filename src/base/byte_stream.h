// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace kiln {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// Bytes that are read once, in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Reads 1 to `into.size()` bytes (`into` must not be empty); 0 only at the end.
  virtual Result<std::size_t> read(MutableBytes into) = 0;
};

/// Takes bytes in order. Whoever creates a sink says how its end is told.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Takes all of `data`.
  virtual Result<void> write(Bytes data) = 0;
};

}  // namespace kiln
