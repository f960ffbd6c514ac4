// SPDX-License-Identifier: Apache-2.0
#include "transport/shared_blobs.h"

namespace kiln::transport {
namespace {

constexpr std::string_view kBlobs = "blobs";

/// Where a path of a layout is in the shared directory; nullopt for what is the layout's own.
std::optional<std::string> path_among_blobs(std::string_view path) {
  if (!path.starts_with(kBlobs)) return std::nullopt;
  path.remove_prefix(kBlobs.size());
  if (path.empty()) return std::string();
  if (!path.starts_with('/')) return std::nullopt;
  return std::string(path.substr(1));
}

}  // namespace

Result<bool> SharedBlobsReader::has(const std::string& path) const {
  const auto shared = path_among_blobs(path);
  return shared ? blobs_->has(*shared) : own_->has(path);
}

Result<std::unique_ptr<archive::ByteSource>> SharedBlobsReader::open(
    const std::string& path) const {
  const auto shared = path_among_blobs(path);
  return shared ? blobs_->open(*shared) : own_->open(path);
}

Result<void> SharedBlobsWriter::add_directory(const std::string& path) {
  const auto shared = path_among_blobs(path);
  if (!shared) return own_->add_directory(path);
  // The shared directory itself is there.
  return shared->empty() ? Result<void>() : blobs_->add_directory(*shared);
}

Result<void> SharedBlobsWriter::add(const std::string& path, std::string_view content) {
  const auto shared = path_among_blobs(path);
  return shared ? blobs_->add(*shared, content) : own_->add(path, content);
}

Result<bool> SharedBlobsWriter::has(const std::string& path, std::uint64_t size) {
  const auto shared = path_among_blobs(path);
  return shared ? blobs_->has(*shared, size) : own_->has(path, size);
}

Result<void> SharedBlobsWriter::add_blob(registry::BlobContent& content,
                                         const std::optional<oci::Descriptor>& expected,
                                         const PathOf& path_of) {
  return blobs_->add_blob(content, expected, [&](const oci::Digest& digest) {
    const std::string path = path_of(digest);
    return path_among_blobs(path).value_or(path);
  });
}

Result<void> SharedBlobsWriter::finish() {
  TRY(blobs_->finish());
  return own_->finish();
}

}  // namespace kiln::transport
