// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "archive/byte_stream.h"

namespace kiln::archive {

/// Gives bytes that were read ahead of a source, then the source's own.
class PrefixedSource final : public ByteSource {
 public:
  PrefixedSource(std::vector<std::byte> head, ByteSource& rest)
      : head_(std::move(head)), rest_(&rest) {}
  Result<std::size_t> read(MutableBytes into) override {
    if (given_ == head_.size()) return rest_->read(into);
    const std::size_t count = std::min(into.size(), head_.size() - given_);
    std::memcpy(into.data(), head_.data() + given_, count);
    given_ += count;
    return count;
  }

 private:
  std::vector<std::byte> head_;
  std::size_t given_ = 0;
  ByteSource* rest_;
};

}  // namespace kiln::archive
