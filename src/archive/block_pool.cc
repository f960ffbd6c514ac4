// SPDX-License-Identifier: Apache-2.0
#include "archive/block_pool.h"

#include <algorithm>
#include <utility>

namespace kiln::archive {

BlockPool::BlockPool(std::size_t count, std::size_t block_size)
    : state_(std::make_shared<State>()) {
  state_->block_size = block_size;
  state_->unmade = count;
}

std::shared_ptr<Block> BlockPool::take() {
  Block block;
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return !state_->free.empty() || state_->unmade > 0; });
    if (!state_->free.empty()) {
      block = std::move(state_->free.back());
      state_->free.pop_back();
    } else {
      --state_->unmade;
    }
  }
  block.reserve(state_->block_size);
  auto owned = std::make_unique<Block>(std::move(block));
  return {owned.release(), [state = state_](Block* back) {
            const std::unique_ptr<Block> again(back);
            {
              const std::lock_guard lock(state->mutex);
              state->free.push_back(std::move(*again));
            }
            state->changed.notify_one();
          }};
}

std::shared_ptr<Block> BlockFiller::fill(Bytes& data) {
  if (data.empty()) return nullptr;
  if (!current_) {
    current_ = pool_.take();
    current_->clear();
  }
  const std::size_t count = std::min(data.size(), pool_.block_size() - current_->size());
  const Bytes part = data.first(count);
  current_->insert(current_->end(), part.begin(), part.end());
  data = data.subspan(count);
  return current_->size() == pool_.block_size() ? take_rest() : nullptr;
}

std::shared_ptr<Block> BlockFiller::take_rest() { return std::exchange(current_, nullptr); }

}  // namespace kiln::archive
