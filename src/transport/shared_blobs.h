// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "transport/file_reader.h"
#include "transport/file_writer.h"

namespace kiln::transport {

/// A layout whose blobs are in a directory that several layouts share (`sha256/HEX` in it), as
/// skopeo's --src-shared-blob-dir and --dest-shared-blob-dir have it. All else is the layout's own.
class SharedBlobsReader final : public FileReader {
 public:
  SharedBlobsReader(std::unique_ptr<FileReader> own, std::unique_ptr<FileReader> blobs)
      : own_(std::move(own)), blobs_(std::move(blobs)) {}
  Result<bool> has(const std::string& path) const override;
  Result<std::unique_ptr<archive::ByteSource>> open(const std::string& path) const override;

 private:
  std::unique_ptr<FileReader> own_, blobs_;
};

class SharedBlobsWriter final : public FileWriter {
 public:
  SharedBlobsWriter(std::unique_ptr<FileWriter> own, std::unique_ptr<FileWriter> blobs)
      : own_(std::move(own)), blobs_(std::move(blobs)) {}
  Result<void> add_directory(const std::string& path) override;
  Result<void> add(const std::string& path, std::string_view content) override;
  Result<bool> has(const std::string& path, std::uint64_t size) override;
  Result<void> add_blob(registry::BlobContent& content,
                        const std::optional<oci::Descriptor>& expected,
                        const PathOf& path_of) override;
  unsigned blobs_at_once() const override { return blobs_->blobs_at_once(); }
  Result<void> finish() override;

 private:
  std::unique_ptr<FileWriter> own_, blobs_;
};

}  // namespace kiln::transport
