// SPDX-License-Identifier: Apache-2.0
#include "archive/byte_pipe.h"

#include <algorithm>
#include <cstring>

namespace kiln::archive {

BytePipe::BytePipe(std::size_t capacity)
    : capacity_(capacity), ring_(std::make_unique_for_overwrite<std::byte[]>(capacity)) {}

Result<void> BytePipe::write(Bytes data) {
  while (!data.empty()) {
    std::uint64_t at = 0;
    std::size_t room = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return read_error_ || written_ - read_ < capacity_; });
      if (read_error_) return Error(*read_error_);
      at = written_;
      room = capacity_ - static_cast<std::size_t>(written_ - read_);
    }
    const auto offset = static_cast<std::size_t>(at % capacity_);
    const std::size_t count = std::min({room, data.size(), capacity_ - offset});
    std::memcpy(ring_.get() + offset, data.data(), count);
    data = data.subspan(count);
    const std::scoped_lock lock(mutex_);
    written_ += count;
    changed_.notify_all();
  }
  return {};
}

Result<std::size_t> BytePipe::read(MutableBytes into) {
  std::uint64_t at = 0;
  std::size_t there = 0;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return finished_ || written_ > read_; });
    if (written_ == read_) {
      if (write_error_) return Error(*write_error_);
      return std::size_t{0};
    }
    at = read_;
    there = static_cast<std::size_t>(written_ - read_);
  }
  const auto offset = static_cast<std::size_t>(at % capacity_);
  const std::size_t count = std::min({there, into.size(), capacity_ - offset});
  std::memcpy(into.data(), ring_.get() + offset, count);
  const std::scoped_lock lock(mutex_);
  read_ += count;
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
  const std::scoped_lock lock(mutex_);
  read_error_ = reason;
  changed_.notify_all();
}

}  // namespace kiln::archive
