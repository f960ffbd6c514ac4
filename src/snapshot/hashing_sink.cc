// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hashing_sink.h"

#include "archive/compression.h"

namespace kiln::snapshot {
namespace {
constexpr std::size_t kPassedBlocks = 8;
}  // namespace

HashingSink::HashingSink(archive::ByteSink& next)
    : next_(&next), filler_(kPassedBlocks, archive::kCompressionBlock) {}

Result<void> HashingSink::write(archive::Bytes data) {
  while (auto block = filler_.fill(data)) {
    const archive::SharedBytes bytes = archive::shared(std::move(block));
    TRY(hash_.write_shared(bytes));
    TRY(next_->write_shared(bytes));
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
