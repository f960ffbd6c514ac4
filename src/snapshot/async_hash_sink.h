// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "archive/byte_stream.h"
#include "base/sha256.h"
#include "snapshot/block_pool.h"

namespace kiln::snapshot {

/// The digest of a stream after so many of its entries.
struct HashMark {
  std::uint64_t entries = 0;
  Sha256::Midstate hash;
};

/// Hashes on a thread of its own, so that a writer that also reads, writes and hashes files is not
/// slowed down. The thread is started by the first block's worth of bytes. Holds at most a few
/// blocks.
class AsyncHashSink final : public archive::ByteSink {
 public:
  AsyncHashSink();
  ~AsyncHashSink() override;
  Result<void> write(archive::Bytes data) override;
  /// The same without a copy: nobody changes the block any more. It is the block's maker who bounds
  /// how many there are.
  void write_block(std::shared_ptr<const Block> block) { write_block(std::move(block), nullptr); }
  /// `also`, a digest of the caller's, gets the same bytes; it stays until finish().
  void write_block(std::shared_ptr<const Block> block, Sha256* also);
  /// Only `also` gets them.
  void hash_block(std::shared_ptr<const Block> block, Sha256& also);

  /// Before anything is written: goes on where another stream was.
  void resume(const Sha256::Midstate& state);
  /// Notes what the digest is here, after whole blocks of 64 bytes.
  void mark(std::uint64_t entries);
  /// After finish().
  const std::vector<HashMark>& marks() const { return marks_; }
  std::uint64_t size() const { return size_; }
  /// Waits for the thread; call once.
  Sha256Bytes finish();

 private:
  struct Task {
    std::shared_ptr<const Block> block = nullptr;
    bool in_stream = true;
    Sha256* also = nullptr;
    std::optional<std::uint64_t> mark = std::nullopt;
  };
  void push(Task task);
  void push_current();
  void perform(const Task& task);
  void run();

  BlockFiller filler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;       // guarded by mutex_
  bool ended_ = false;           // guarded by mutex_
  Sha256 hash_;                  ///< the thread's alone until it is joined
  std::vector<HashMark> marks_;  ///< likewise
  std::uint64_t size_ = 0;
  std::jthread thread_;
};

}  // namespace kiln::snapshot
