// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"

namespace kiln {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline bool is_zero(Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; });
}

/// Bytes that are read once, in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Reads 1 to `into.size()` bytes (`into` must not be empty); 0 only at the end.
  virtual Result<std::size_t> read(MutableBytes into) = 0;
  /// Passes over `count` bytes; fewer, of which the number tells, only at the end. Where there is
  /// no better way they are read.
  virtual Result<std::uint64_t> skip(std::uint64_t count);
};

inline Result<std::uint64_t> ByteSource::skip(std::uint64_t count) {
  std::byte away[4096];
  std::uint64_t passed = 0;
  while (passed < count) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(count - passed, sizeof away));
    const std::size_t n = TRY(read(MutableBytes(away).first(want)));
    if (n == 0) break;
    passed += n;
  }
  return passed;
}

/// Bytes that stay as they are for as long as somebody holds their owner.
struct SharedBytes {
  Bytes data;
  std::shared_ptr<const void> owner;
};

/// Takes bytes in order. Whoever creates a sink says how its end is told.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Takes all of `data`.
  virtual Result<void> write(Bytes data) = 0;
  /// The same, of bytes that it may hold for a while instead of copying them: their maker, who has
  /// a bounded number of such, waits until they come back.
  virtual Result<void> write_shared(SharedBytes bytes) { return write(bytes.data); }
};

}  // namespace kiln
