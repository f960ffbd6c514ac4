// SPDX-License-Identifier: Apache-2.0
#include "snapshot/async_hash_sink.h"

#include <utility>

#include "base/check.h"
#include "snapshot/block_size.h"

namespace kiln::snapshot {
namespace {
constexpr std::size_t kBlocks = 16;
}  // namespace

AsyncHashSink::AsyncHashSink() : filler_(kBlocks, kBlockSize) {}

AsyncHashSink::~AsyncHashSink() {
  if (!pool_) return;
  pool_->forget(stream_);
  pool_->leave();
}

Result<void> AsyncHashSink::write(archive::Bytes data) {
  size_ += data.size();
  while (auto block = filler_.fill(data)) push({.bytes = archive::shared(std::move(block))});
  return {};
}

Result<void> AsyncHashSink::write_shared(archive::SharedBytes bytes) {
  write_shared(std::move(bytes), nullptr);
  return {};
}

void AsyncHashSink::write_shared(archive::SharedBytes bytes, Sha256* also) {
  size_ += bytes.data.size();
  push_current();
  push({.bytes = std::move(bytes), .also = also});
}

void AsyncHashSink::hash_shared(archive::SharedBytes bytes, Sha256& also) {
  push_current();
  push({.bytes = std::move(bytes), .in_stream = false, .also = &also});
}

void AsyncHashSink::resume(const Sha256::Midstate& state) {
  CHECK(size_ == 0);
  stream_.hash = Sha256::resume(state);
  size_ = state.size;
}

void AsyncHashSink::mark(std::uint64_t entries) {
  push_current();
  push({.bytes = {}, .mark = entries});
}

void AsyncHashSink::push_current() {
  if (auto rest = filler_.take_rest()) push({.bytes = archive::shared(std::move(rest))});
}

void AsyncHashSink::push(HashTask task) {
  if (!pool_) {
    pool_ = HashPool::shared();
    pool_->enter();
  }
  pool_->add(stream_, std::move(task));
}

Sha256Bytes AsyncHashSink::finish() {
  const auto rest = filler_.take_rest();
  if (pool_) pool_->wait(stream_);
  if (rest) stream_.hash.update(*rest);
  return stream_.hash.finish();
}

}  // namespace kiln::snapshot
