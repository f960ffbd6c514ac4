// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::archive {

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

Bytes as_bytes(std::string_view text);
std::string_view as_text(Bytes data);

/// Reads exactly `into.size()` bytes; kind corrupt if the source ends before that.
Result<void> read_exactly(ByteSource& source, MutableBytes into);
/// Reads to the end; kind invalid_input if that is more than `limit` bytes.
Result<std::string> read_all(ByteSource& source, std::size_t limit);
/// Copies to the end and returns the number of bytes.
Result<std::uint64_t> copy_all(ByteSource& source, ByteSink& sink);

/// A source over memory that someone else keeps.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Bytes data) : rest_(data) {}
  Result<std::size_t> read(MutableBytes into) override;

 private:
  Bytes rest_;
};

/// A sink that keeps everything: for tests and for small things.
class StringSink final : public ByteSink {
 public:
  Result<void> write(Bytes data) override;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace kiln::archive
