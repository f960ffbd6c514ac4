// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "archive/byte_stream.h"
#include "base/sha256.h"

namespace kiln::snapshot {

/// Keeps nothing but the digest.
class HashSink final : public archive::ByteSink {
 public:
  Result<void> write(archive::Bytes data) override {
    hash_.update(data);
    return {};
  }
  Sha256Bytes finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

/// Passes bytes on and counts them.
class CountingSink final : public archive::ByteSink {
 public:
  explicit CountingSink(archive::ByteSink& sink) : sink_(&sink) {}
  Result<void> write(archive::Bytes data) override {
    size_ += data.size();
    return sink_->write(data);
  }
  std::uint64_t size() const { return size_; }

 private:
  archive::ByteSink* sink_;
  std::uint64_t size_ = 0;
};

}  // namespace kiln::snapshot
