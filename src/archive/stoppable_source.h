// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <utility>

#include "archive/byte_stream.h"

namespace kiln::archive {

/// Gives on what a source gives, until `stop` asks for an end: kind cancelled from then on.
class StoppableSource final : public ByteSource {
 public:
  /// `source` outlives it.
  StoppableSource(ByteSource& source, std::stop_token stop)
      : source_(&source), stop_(std::move(stop)) {}
  Result<std::size_t> read(MutableBytes into) override {
    if (stop_.stop_requested()) return cancelled();
    return source_->read(into);
  }

 private:
  ByteSource* source_;
  std::stop_token stop_;
};

}  // namespace kiln::archive
