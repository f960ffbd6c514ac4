// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hashing_sink.h"

#include <algorithm>
#include <utility>

namespace kiln::snapshot {
namespace {
/// Small enough that a block is still in a processor's cache when it is passed on.
constexpr std::size_t kPassedSize = std::size_t{256} << 10;
constexpr std::size_t kPassedBlocks = 8;
}  // namespace

HashingSink::HashingSink(archive::ByteSink& next)
    : next_(&next), pool_(kPassedBlocks, kPassedSize) {}

Result<void> HashingSink::write(archive::Bytes data) {
  while (!data.empty()) {
    if (!current_) {
      current_ = pool_.take();
      current_->clear();
    }
    const std::size_t n = std::min(data.size(), kPassedSize - current_->size());
    current_->insert(current_->end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
    data = data.subspan(n);
    if (current_->size() == kPassedSize) TRY(pass_on());
  }
  return {};
}

Result<void> HashingSink::pass_on() {
  const std::shared_ptr<const Block> block = std::exchange(current_, nullptr);
  hash_.write_block(block);
  return next_->write(*block);
}

Result<Sha256Bytes> HashingSink::finish() {
  if (current_) {
    TRY(hash_.write(*current_));
    TRY(next_->write(*current_));
  }
  return hash_.finish();
}

}  // namespace kiln::snapshot
