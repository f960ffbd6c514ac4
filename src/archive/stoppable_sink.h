// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <utility>

#include "archive/byte_stream.h"

namespace kiln::archive {

/// Gives on what is written, until `stop` asks for an end: kind cancelled from then on.
class StoppableSink final : public ByteSink {
 public:
  StoppableSink(ByteSink& next, std::stop_token stop) : next_(&next), stop_(std::move(stop)) {}
  Result<void> write(Bytes data) override {
    if (stop_.stop_requested()) return cancelled();
    return next_->write(data);
  }
  Result<void> write_shared(SharedBytes bytes) override {
    if (stop_.stop_requested()) return cancelled();
    return next_->write_shared(std::move(bytes));
  }

 private:
  ByteSink* next_;
  std::stop_token stop_;
};

}  // namespace kiln::archive
