// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hash_pool.h"

#include <algorithm>
#include <array>
#include <span>
#include <system_error>
#include <utility>

#include "os/system.h"

namespace kiln::snapshot {
namespace {

/// What one or two tasks ask for, two digests at a time.
class Turn {
 public:
  void add(HashStream& stream, const HashTask& task) {
    if (task.mark) stream.marks.push_back({*task.mark, stream.hash.midstate()});
    if (task.bytes.data.empty()) return;
    if (task.in_stream) updates_[count_++] = {&stream.hash, task.bytes.data};
    if (task.also != nullptr) updates_[count_++] = {task.also, task.bytes.data};
  }
  void perform() {
    std::size_t at = 0;
    for (; at + 1 < count_; at += 2) {
      const Update &first = updates_[at], &second = updates_[at + 1];
      Sha256::update_pair(*first.hash, first.data, *second.hash, second.data);
    }
    if (at < count_) updates_[at].hash->update(updates_[at].data);
  }

 private:
  struct Update {
    Sha256* hash = nullptr;
    Bytes data;
  };
  std::array<Update, 4> updates_;
  std::size_t count_ = 0;
};

}  // namespace

std::shared_ptr<HashPool> HashPool::shared() {
  static std::mutex mutex;
  static std::weak_ptr<HashPool> present;
  const std::scoped_lock lock(mutex);
  auto pool = present.lock();
  if (!pool) present = pool = std::make_shared<HashPool>();
  return pool;
}

HashPool::~HashPool() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  added_.notify_all();
}

void HashPool::enter() {
  const std::scoped_lock lock(mutex_);
  ++streams_;
  start_threads();
}

void HashPool::leave() {
  const std::scoped_lock lock(mutex_);
  --streams_;
}

void HashPool::start_threads() {
  const std::size_t wanted = std::min<std::size_t>((streams_ + 1) / 2, os::processor_count());
  try {
    while (threads_.size() < wanted) threads_.emplace_back([this] { run(); });
  } catch (const std::system_error&) {
    // Fewer threads than wanted, or none, make it slower and change nothing else.
  }
}

void HashPool::add(HashStream& stream, HashTask task) {
  {
    const std::scoped_lock lock(mutex_);
    if (!threads_.empty()) {
      stream.tasks_.push_back(std::move(task));
      if (stream.tasks_.size() > 1 || stream.is_taken_) return;
      ready_.push_back(&stream);
      added_.notify_one();
      return;
    }
  }
  Turn turn;
  turn.add(stream, task);
  turn.perform();
}

void HashPool::wait(HashStream& stream) {
  std::unique_lock lock(mutex_);
  put_back_.wait(lock, [&] { return stream.tasks_.empty() && !stream.is_taken_; });
}

void HashPool::forget(HashStream& stream) {
  std::unique_lock lock(mutex_);
  stream.tasks_.clear();
  std::erase(ready_, &stream);
  put_back_.wait(lock, [&] { return !stream.is_taken_; });
}

HashStream* HashPool::take() {
  if (ready_.empty()) return nullptr;
  HashStream* stream = ready_.front();
  ready_.pop_front();
  stream->is_taken_ = true;
  return stream;
}

void HashPool::put_back(HashStream* stream) {
  stream->is_taken_ = false;
  if (!stream->tasks_.empty()) {
    ready_.push_back(stream);
  } else {
    put_back_.notify_all();
  }
}

void HashPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    added_.wait(lock, [&] { return !ready_.empty() || ended_; });
    if (ready_.empty()) return;
    const std::array<HashStream*, 2> streams = {take(), take()};
    std::array<HashTask, 2> tasks;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i] == nullptr) continue;
      tasks[i] = std::move(streams[i]->tasks_.front());
      streams[i]->tasks_.pop_front();
    }
    lock.unlock();
    Turn turn;
    for (std::size_t i = 0; i < streams.size(); ++i)
      if (streams[i] != nullptr) turn.add(*streams[i], tasks[i]);
    turn.perform();
    // The bytes go back before the streams may end.
    tasks = {};
    lock.lock();
    for (HashStream* stream : streams)
      if (stream != nullptr) put_back(stream);
  }
}

}  // namespace kiln::snapshot
