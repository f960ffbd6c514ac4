// SPDX-License-Identifier: Apache-2.0
#include "archive/byte_pipe.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace kiln::archive {

Result<void> BytePipe::write(Bytes data) {
  while (!data.empty()) {
    const std::size_t count = std::min(data.size(), kPiece);
    std::shared_ptr<std::byte[]> copy = std::make_shared_for_overwrite<std::byte[]>(count);
    std::memcpy(copy.get(), data.data(), count);
    const Bytes piece(copy.get(), count);
    TRY(push({piece, std::move(copy)}));
    data = data.subspan(count);
  }
  return {};
}

Result<void> BytePipe::push(SharedBytes piece) {
  if (piece.data.empty()) return {};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return read_error_ || size_ < capacity_; });
  if (read_error_) return Error(*read_error_);
  size_ += piece.data.size();
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
  return {};
}

Result<std::size_t> BytePipe::read(MutableBytes into) {
  SharedBytes* first = nullptr;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return finished_ || !pieces_.empty(); });
    if (pieces_.empty()) {
      if (write_error_) return Error(*write_error_);
      return std::size_t{0};
    }
    first = &pieces_.front();
  }
  const std::size_t count = std::min(first->data.size(), into.size());
  std::memcpy(into.data(), first->data.data(), count);
  first->data = first->data.subspan(count);
  SharedBytes done;
  const std::scoped_lock lock(mutex_);
  if (first->data.empty()) {
    done = std::move(*first);
    pieces_.pop_front();
  }
  size_ -= count;
  changed_.notify_all();
  return count;
}

void BytePipe::finish(const Result<void>& outcome) {
  const std::scoped_lock lock(mutex_);
  finished_ = true;
  if (!outcome.ok()) write_error_ = outcome.error();
  changed_.notify_all();
}

void BytePipe::abandon(const Error& reason) {
  // Whoever made them may wait for them.
  std::deque<SharedBytes> unread;
  const std::scoped_lock lock(mutex_);
  read_error_ = reason;
  pieces_.swap(unread);
  size_ = 0;
  changed_.notify_all();
}

}  // namespace kiln::archive
