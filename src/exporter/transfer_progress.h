// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "archive/byte_stream.h"

namespace kiln::exporter {

/// Is told how the layers of an image come or go. Called from several threads at once.
class TransferProgress {
 public:
  virtual ~TransferProgress() = default;
  /// `layer` as docker shows one, twelve digits; `status` in docker's words.
  virtual void layer(std::string_view layer, std::string_view status) = 0;

  enum class Direction { down, up };
  /// So many of its bytes have passed; `total` is 0 if nobody knows how many there are.
  virtual void transferred(std::string_view /*layer*/, Direction /*direction*/,
                           std::uint64_t /*bytes*/, std::uint64_t /*total*/) {}
};

/// Tells how much of a layer has passed to another sink.
class ReportingSink final : public archive::ByteSink {
 public:
  struct Layer {
    TransferProgress* progress;  ///< may be null
    std::string name;
    TransferProgress::Direction direction;
    std::uint64_t total;
  };
  ReportingSink(archive::ByteSink& next, Layer layer) : next_(&next), layer_(std::move(layer)) {}
  Result<void> write(archive::Bytes data) override {
    TRY(next_->write(data));
    report(data.size());
    return {};
  }
  Result<void> write_shared(archive::SharedBytes bytes) override {
    const std::size_t size = bytes.data.size();
    TRY(next_->write_shared(std::move(bytes)));
    report(size);
    return {};
  }

 private:
  void report(std::size_t more) {
    bytes_ += more;
    if (layer_.progress != nullptr)
      layer_.progress->transferred(layer_.name, layer_.direction, bytes_, layer_.total);
  }

  archive::ByteSink* next_;
  Layer layer_;
  std::uint64_t bytes_ = 0;
};

}  // namespace kiln::exporter
