// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "archive/byte_pipe.h"
#include "oci/digest.h"
#include "registry/upload.h"

namespace kiln::transport {

/// Writes a blob's bytes, all of them, the same each time.
using WriteBlob = std::function<Result<void>(archive::ByteSink& sink)>;

/// A blob that is made while it is read: a thread of its own writes it.
class ProducedBlob final : public registry::BlobContent {
 public:
  /// `size` if it is known before.
  explicit ProducedBlob(WriteBlob write, std::optional<std::uint64_t> size = {})
      : write_(std::move(write)), size_(size) {}
  ~ProducedBlob() override;
  Result<std::unique_ptr<archive::ByteSource>> open(std::uint64_t offset) override;
  std::optional<std::uint64_t> size() const override { return size_; }
  Result<oci::Digest> digest() override;

 private:
  class Source;
  void end_thread();
  void produce(std::uint64_t offset);

  WriteBlob write_;
  std::unique_ptr<archive::BytePipe> pipe_;
  std::jthread thread_;
  // Written by the thread, read once it has ended.
  std::optional<oci::Digest> digest_;
  std::optional<std::uint64_t> size_;
  std::optional<Error> failure_;
};

}  // namespace kiln::transport
