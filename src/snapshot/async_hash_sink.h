// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "archive/block_pool.h"
#include "archive/byte_stream.h"
#include "base/sha256.h"
#include "snapshot/hash_pool.h"

namespace kiln::snapshot {

/// Hashes on a thread of the process's pool, so that a writer that also reads, writes and hashes
/// files is not slowed down. What stays below a block needs no thread. Holds at most a few blocks.
class AsyncHashSink final : public archive::ByteSink {
 public:
  AsyncHashSink();
  ~AsyncHashSink() override;
  AsyncHashSink(const AsyncHashSink&) = delete;
  AsyncHashSink& operator=(const AsyncHashSink&) = delete;
  Result<void> write(archive::Bytes data) override;
  Result<void> write_shared(archive::SharedBytes bytes) override;
  /// `also`, a digest of the caller's, gets the same bytes; it stays until finish().
  void write_shared(archive::SharedBytes bytes, Sha256* also);
  /// Only `also` gets them.
  void hash_shared(archive::SharedBytes bytes, Sha256& also);

  /// Before anything is written: goes on where another stream was.
  void resume(const Sha256::Midstate& state);
  /// Notes what the digest is here, after whole blocks of 64 bytes.
  void mark(std::uint64_t entries);
  /// After finish().
  const std::vector<HashMark>& marks() const { return stream_.marks; }
  std::uint64_t size() const { return size_; }
  /// Waits until all is hashed; call once.
  Sha256Bytes finish();

 private:
  void push_current();
  void push(HashTask task);

  archive::BlockFiller filler_;
  HashStream stream_;
  std::uint64_t size_ = 0;
  std::shared_ptr<HashPool> pool_;  ///< from the first block on
};

}  // namespace kiln::snapshot
