// SPDX-License-Identifier: Apache-2.0
#include "snapshot/async_hash_sink.h"

#include <utility>

#include "base/check.h"

namespace kiln::snapshot {
namespace {
constexpr std::size_t kBlocks = 16;
}  // namespace

AsyncHashSink::AsyncHashSink() : filler_(kBlocks, kBlockSize) {}

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
  while (auto block = filler_.fill(data)) push({.block = std::move(block)});
  return {};
}

void AsyncHashSink::write_block(std::shared_ptr<const Block> block, Sha256* also) {
  size_ += block->size();
  push_current();
  push({.block = std::move(block), .also = also});
}

void AsyncHashSink::hash_block(std::shared_ptr<const Block> block, Sha256& also) {
  push_current();
  push({.block = std::move(block), .in_stream = false, .also = &also});
}

void AsyncHashSink::resume(const Sha256::Midstate& state) {
  CHECK(size_ == 0);
  hash_ = Sha256::resume(state);
  size_ = state.size;
}

void AsyncHashSink::mark(std::uint64_t entries) {
  push_current();
  push({.mark = entries});
}

void AsyncHashSink::push_current() {
  if (auto rest = filler_.take_rest()) push({.block = std::move(rest)});
}

void AsyncHashSink::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  if (thread_.joinable()) {
    changed_.notify_one();
  } else {
    thread_ = std::jthread([this] { run(); });
  }
}

Sha256Bytes AsyncHashSink::finish() {
  if (thread_.joinable()) {
    push_current();
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  } else if (const auto rest = filler_.take_rest()) {
    hash_.update(*rest);
  }
  return hash_.finish();
}

void AsyncHashSink::perform(const Task& task) {
  if (task.mark) marks_.push_back({*task.mark, hash_.midstate()});
  if (!task.block) return;
  if (!task.in_stream) {
    task.also->update(*task.block);
  } else if (task.also != nullptr) {
    Sha256::update_both(hash_, *task.also, *task.block);
  } else {
    hash_.update(*task.block);
  }
}

void AsyncHashSink::run() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !tasks_.empty() || ended_; });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    perform(task);
  }
}

}  // namespace kiln::snapshot
