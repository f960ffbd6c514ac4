// SPDX-License-Identifier: Apache-2.0
#include "snapshot/async_hash_sink.h"

#include <algorithm>

namespace kiln::snapshot {
namespace {
constexpr std::size_t kBlockSize = 512 * 1024;
constexpr std::size_t kMaxQueued = 8;
}  // namespace

AsyncHashSink::AsyncHashSink() : thread_([this] { run(); }) { current_.reserve(kBlockSize); }

AsyncHashSink::~AsyncHashSink() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

Result<void> AsyncHashSink::write(archive::Bytes data) {
  size_ += data.size();
  while (!data.empty()) {
    const std::size_t n = std::min(data.size(), kBlockSize - current_.size());
    current_.insert(current_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
    data = data.subspan(n);
    if (current_.size() == kBlockSize) push(std::exchange(current_, {}));
  }
  return {};
}

void AsyncHashSink::push(Block block) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return full_.size() < kMaxQueued; });
  full_.push_back(std::move(block));
  if (!free_.empty()) {
    current_ = std::move(free_.back());
    free_.pop_back();
  } else {
    current_.reserve(kBlockSize);
  }
  lock.unlock();
  changed_.notify_all();
}

Sha256Bytes AsyncHashSink::finish() {
  if (!current_.empty()) push(std::exchange(current_, {}));
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
  return hash_.finish();
}

void AsyncHashSink::run() {
  for (;;) {
    Block block;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !full_.empty() || ended_; });
      if (full_.empty()) return;
      block = std::move(full_.front());
      full_.pop_front();
    }
    changed_.notify_all();
    hash_.update(block);
    block.clear();
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(block));
  }
}

}  // namespace kiln::snapshot
