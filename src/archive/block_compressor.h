// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "archive/block_pool.h"
#include "archive/compression.h"

namespace kiln::archive {

/// Compresses one block at a time; used by one thread.
class BlockEncoder {
 public:
  virtual ~BlockEncoder() = default;
  /// Room that any block of `size` bytes needs.
  virtual std::size_t bound(std::size_t size) const = 0;
  /// Writes a whole gzip member or zstd frame to `into` and returns its size.
  virtual std::size_t encode(Bytes block, MutableBytes into) = 0;
};
using EncoderFactory = std::function<std::unique_ptr<BlockEncoder>()>;

EncoderFactory gzip_encoder(int level);
EncoderFactory zstd_encoder(int level);

/// Cuts the input into blocks of kCompressionBlock bytes, compresses them on its own threads, and
/// writes the results, shared, in order from within write() and finish(). Shared bytes of a block's
/// size are compressed where they are.
class BlockCompressor final : public CompressingSink {
 public:
  BlockCompressor(ByteSink& sink, EncoderFactory make_encoder, unsigned threads);
  ~BlockCompressor() override;
  Result<void> write(Bytes data) override;
  Result<void> write_shared(SharedBytes bytes) override;
  Result<void> finish() override;

 private:
  struct Slot {
    std::unique_ptr<std::byte[]> gathered;
    SharedBytes input;  ///< a part of `gathered` has no owner
    SharedBytes output;
    bool encoded = false;  ///< guarded by mutex_
  };
  enum class Wait { no, yes };

  bool start_thread();
  Slot& slot(std::uint64_t block) { return slots_[block % slots_.size()]; }
  void encode(Slot& slot, BlockEncoder& encoder);
  Result<void> submit();
  Result<void> write_oldest();
  bool oldest_is_encoded(Wait wait);
  void work(const std::stop_token& stop);

  ByteSink* sink_;
  EncoderFactory make_encoder_;
  std::unique_ptr<BlockEncoder> own_encoder_;  ///< the caller's, where no thread could be started
  std::size_t output_bound_ = 0;
  BlockPool outputs_;

  // A block's number says which slot it uses. Blocks from written_ up to submitted_ are the
  // threads'.
  std::vector<Slot> slots_;
  std::uint64_t written_ = 0;
  bool finished_ = false;

  std::mutex mutex_;
  std::condition_variable_any block_submitted_;
  std::condition_variable_any block_encoded_;
  std::uint64_t submitted_ = 0;  ///< written by the caller only, under mutex_
  std::uint64_t taken_ = 0;      ///< guarded by mutex_

  std::vector<std::jthread> threads_;
};

}  // namespace kiln::archive
