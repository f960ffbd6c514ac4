// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "archive/block_pool.h"
#include "archive/byte_stream.h"
#include "snapshot/async_hash_sink.h"

namespace kiln::snapshot {

/// Passes bytes on in blocks of its own size, however small the pieces are that come, and hashes
/// each block on another thread while the next sink has it, which may hold it. What stays below a
/// block needs no thread.
class HashingSink final : public archive::ByteSink {
 public:
  /// `next` outlives it.
  explicit HashingSink(archive::ByteSink& next);
  Result<void> write(archive::Bytes data) override;
  /// Passes on what is left, and gives the digest of all; call once.
  Result<Sha256Bytes> finish();

 private:
  archive::ByteSink* next_;
  archive::BlockFiller filler_;
  AsyncHashSink hash_;
};

}  // namespace kiln::snapshot
