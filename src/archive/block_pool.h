// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "archive/byte_stream.h"

namespace kiln::archive {

using Block = std::vector<std::byte>;

inline SharedBytes shared(std::shared_ptr<const Block> block) {
  const Bytes data = *block;
  return {data, std::move(block)};
}

/// Blocks of memory that are used again and again: a bound on how much of a file is held while
/// several threads work on it. Thread-safe; blocks may outlive it.
class BlockPool {
 public:
  BlockPool(std::size_t count, std::size_t block_size);
  /// A block with room for `block_size` bytes, which comes back when its last holder lets it go;
  /// waits while all are in use. It holds what it last held: filling it anew costs no zeroing.
  std::shared_ptr<Block> take();
  std::size_t block_size() const { return state_->block_size; }

 private:
  struct State {
    std::size_t block_size;
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t unmade;       // guarded by mutex
    std::vector<Block> free;  // guarded by mutex
  };
  std::shared_ptr<State> state_;
};

/// Gathers bytes in blocks, however small the pieces are that come.
class BlockFiller {
 public:
  BlockFiller(std::size_t count, std::size_t block_size) : pool_(count, block_size) {}
  /// Takes bytes off the front of `data`: all of them, or those that fill a block, which it gives.
  std::shared_ptr<Block> fill(Bytes& data);
  /// What is gathered and fills no block; null if that is nothing.
  std::shared_ptr<Block> take_rest();

 private:
  BlockPool pool_;
  std::shared_ptr<Block> current_;
};

}  // namespace kiln::archive
