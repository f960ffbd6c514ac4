// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/byte_stream.h"
#include "base/sha256.h"

namespace kiln::snapshot {

/// The digest of a stream after so many of its entries.
struct HashMark {
  std::uint64_t entries = 0;
  Sha256::Midstate hash;
};

/// What comes next in a stream.
struct HashTask {
  SharedBytes bytes;
  bool in_stream = true;
  Sha256* also = nullptr;  ///< gets the bytes too
  std::optional<std::uint64_t> mark = std::nullopt;
};

/// A stream's digest and what is still to go into it. Its maker's alone until the first add() and
/// after wait() or forget().
struct HashStream {
  Sha256 hash;
  std::vector<HashMark> marks;

 private:
  friend class HashPool;
  std::deque<HashTask> tasks_;
  bool is_taken_ = false;  ///< a thread works on it
};

/// Hashes many streams on a thread for every two of them: two digests at once take a processor
/// little longer than one. Thread-safe.
class HashPool {
 public:
  HashPool() = default;
  ~HashPool();
  HashPool(const HashPool&) = delete;
  HashPool& operator=(const HashPool&) = delete;
  /// The pool of all streams of this process; it ends with its last holder.
  static std::shared_ptr<HashPool> shared();

  /// A stream more, or one less, is to come.
  void enter();
  void leave();
  /// Adds to what `stream` is to hash, in this order; where no thread can be started, it is hashed
  /// at once.
  void add(HashStream& stream, HashTask task);
  /// Until all that was added is hashed.
  void wait(HashStream& stream);
  /// Drops what is not hashed yet.
  void forget(HashStream& stream);

 private:
  void start_threads();
  void run();
  HashStream* take();
  void put_back(HashStream* stream);

  std::mutex mutex_;
  std::condition_variable added_;
  std::condition_variable put_back_;
  // Guarded by mutex_.
  std::size_t streams_ = 0;
  std::deque<HashStream*> ready_;  ///< with tasks, and not taken
  bool ended_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace kiln::snapshot
