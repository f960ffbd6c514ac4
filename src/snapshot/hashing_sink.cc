// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hashing_sink.h"

namespace kiln::snapshot {
namespace {
constexpr std::size_t kPassedBlocks = 8;
}  // namespace

HashingSink::HashingSink(archive::ByteSink& next)
    : next_(&next), filler_(kPassedBlocks, kBlockSize) {}

Result<void> HashingSink::write(archive::Bytes data) {
  while (const std::shared_ptr<const Block> block = filler_.fill(data)) {
    hash_.write_block(block);
    TRY(next_->write(*block));
  }
  return {};
}

Result<Sha256Bytes> HashingSink::finish() {
  if (const auto rest = filler_.take_rest()) {
    TRY(hash_.write(*rest));
    TRY(next_->write(*rest));
  }
  return hash_.finish();
}

}  // namespace kiln::snapshot
