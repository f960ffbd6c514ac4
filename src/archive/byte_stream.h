// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_stream.h"
#include "base/result.h"

namespace kiln::archive {

using kiln::Bytes;
using kiln::ByteSink;
using kiln::ByteSource;
using kiln::MutableBytes;
using kiln::SharedBytes;

Bytes as_bytes(std::string_view text);
std::string_view as_text(Bytes data);

/// Fills `into` as far as the source goes, and returns how far that is.
Result<std::size_t> read_up_to(ByteSource& source, MutableBytes into);
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

/// Gives on what a source gives, and a copy of it to a sink.
class CopyingSource final : public ByteSource {
 public:
  CopyingSource(ByteSource& source, ByteSink& copy) : source_(&source), copy_(&copy) {}
  Result<std::size_t> read(MutableBytes into) override {
    const std::size_t n = TRY(source_->read(into));
    TRY(copy_->write(Bytes(into).first(n)));
    return n;
  }

 private:
  ByteSource* source_;
  ByteSink* copy_;
};

/// Gives on what a source gives, and how much that was.
class CountingSource final : public ByteSource {
 public:
  /// `source` outlives it.
  explicit CountingSource(ByteSource& source) : source_(&source) {}
  Result<std::size_t> read(MutableBytes into) override {
    const std::size_t n = TRY(source_->read(into));
    count_ += n;
    ended_ = ended_ || n == 0;
    return n;
  }
  std::uint64_t count() const { return count_; }
  bool ended() const { return ended_; }

 private:
  ByteSource* source_;
  std::uint64_t count_ = 0;
  bool ended_ = false;
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
