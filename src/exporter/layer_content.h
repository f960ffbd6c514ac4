// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "archive/byte_pipe.h"
#include "archive/compression.h"
#include "registry/upload.h"
#include "store/store.h"

namespace kiln::exporter {

/// A blob of the store.
class StoredBlob final : public registry::BlobContent {
 public:
  StoredBlob(store::Store& store, const oci::Digest& digest, std::uint64_t size)
      : store_(&store), digest_(digest), size_(size) {}
  Result<std::unique_ptr<archive::ByteSource>> open(std::uint64_t offset) override;
  std::optional<std::uint64_t> size() const override { return size_; }
  Result<oci::Digest> digest() override { return digest_; }

 private:
  store::Store* store_;
  oci::Digest digest_;
  std::uint64_t size_;
};

/// How layers that have no blob are compressed. The bytes depend on nothing else.
struct LayerCompression {
  archive::Compression kind = archive::Compression::gzip;
  int level = 4;
  unsigned threads = 1;
};

/// A layer of the store, compressed while it is read.
class CompressedLayer final : public registry::BlobContent {
 public:
  CompressedLayer(store::Store& store, store::LayerInfo layer, const LayerCompression& compression)
      : store_(&store), layer_(std::move(layer)), compression_(compression) {}
  ~CompressedLayer() override;
  Result<std::unique_ptr<archive::ByteSource>> open(std::uint64_t offset) override;
  std::optional<std::uint64_t> size() const override { return size_; }
  Result<oci::Digest> digest() override;

 private:
  class Source;
  void end_thread();
  void produce(std::uint64_t offset);

  store::Store* store_;
  store::LayerInfo layer_;
  LayerCompression compression_;
  std::unique_ptr<archive::BytePipe> pipe_;
  std::jthread thread_;
  // Written by the thread, read once it has ended.
  std::optional<oci::Digest> digest_;
  std::optional<std::uint64_t> size_;
  std::optional<Error> failure_;
};

}  // namespace kiln::exporter
