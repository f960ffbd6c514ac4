// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "archive/byte_stream.h"

namespace kiln::archive {

/// Carries bytes from a thread that writes to one that reads, a bounded number at a time: its
/// capacity, and one piece of kPiece or of shared bytes. Either end may give up: the other then
/// gets its error instead of waiting.
class BytePipe {
 public:
  static constexpr std::size_t kPiece = std::size_t{64} << 10;

  explicit BytePipe(std::size_t capacity = std::size_t{4} << 20) : capacity_(capacity) {}

  /// The writer's end. write() waits while the pipe is full.
  ByteSink& sink() { return sink_; }
  /// The writer's last call: read() gives what is left, and then the end or the error.
  void finish(const Result<void>& outcome);

  /// The reader's end. read() waits while the pipe is empty.
  ByteSource& source() { return source_; }
  /// The reader's last call if it does not read to the end: write() fails with `reason`.
  void abandon(const Error& reason);

 private:
  class Sink final : public ByteSink {
   public:
    explicit Sink(BytePipe& pipe) : pipe_(&pipe) {}
    Result<void> write(Bytes data) override { return pipe_->write(data); }
    Result<void> write_shared(SharedBytes bytes) override { return pipe_->push(std::move(bytes)); }

   private:
    BytePipe* pipe_;
  };
  class Source final : public ByteSource {
   public:
    explicit Source(BytePipe& pipe) : pipe_(&pipe) {}
    Result<std::size_t> read(MutableBytes into) override { return pipe_->read(into); }

   private:
    BytePipe* pipe_;
  };

  Result<void> write(Bytes data);
  Result<void> push(SharedBytes piece);
  Result<std::size_t> read(MutableBytes into);

  Sink sink_{*this};
  Source source_{*this};
  std::size_t capacity_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_; what the first piece holds is the reader's alone.
  std::deque<SharedBytes> pieces_;
  std::size_t size_ = 0;  ///< of what is left of them
  bool finished_ = false;
  std::optional<Error> write_error_;
  std::optional<Error> read_error_;
};

}  // namespace kiln::archive
