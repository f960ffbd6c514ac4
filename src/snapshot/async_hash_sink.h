// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "archive/byte_stream.h"
#include "base/sha256.h"

namespace kiln::snapshot {

/// Hashes on a thread of its own, so that a writer that also reads, writes and hashes files is not
/// slowed down. Holds at most a few blocks.
class AsyncHashSink final : public archive::ByteSink {
 public:
  AsyncHashSink();
  ~AsyncHashSink() override;
  Result<void> write(archive::Bytes data) override;
  std::uint64_t size() const { return size_; }
  /// Waits for the thread; call once.
  Sha256Bytes finish();

 private:
  using Block = std::vector<std::byte>;
  void push(Block block);
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> full_;   // guarded by mutex_
  std::vector<Block> free_;  // guarded by mutex_
  bool ended_ = false;       // guarded by mutex_
  Block current_;
  Sha256 hash_;  ///< the thread's alone until it is joined
  std::uint64_t size_ = 0;
  std::jthread thread_;
};

}  // namespace kiln::snapshot
