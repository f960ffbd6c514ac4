// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "archive/byte_stream.h"
#include "base/sha256.h"
#include "net/http.h"
#include "oci/manifest.h"

namespace kiln::registry {

/// Between the answers that bring a blob, maybe in several pieces, and its sink: gives on what is
/// new, and never more than the blob's size.
class BlobVerifier final : public archive::ByteSink {
 public:
  BlobVerifier(const oci::Descriptor& blob, archive::ByteSink& sink) : blob_(&blob), sink_(&sink) {}

  /// Before an answer's body: whether it is the part that is missing, or all of it. Kind corrupt if
  /// the server says that the blob has another size.
  Result<void> begin(const net::HttpResponse& response);
  /// What comes next is what is missing.
  void begin_at_end() { skip_ = 0; }
  Result<void> write(archive::Bytes data) override;

  std::uint64_t size() const { return size_; }
  bool complete() const { return size_ == blob_->size; }
  /// The sink's own error, after which nothing helps.
  bool sink_failed() const { return sink_failed_; }
  /// Kind corrupt if the bytes are others than the digest says. Call once, when complete.
  Result<void> check_digest();

 private:
  const oci::Descriptor* blob_;
  archive::ByteSink* sink_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  std::uint64_t skip_ = 0;  ///< bytes of the current answer that are known already
  bool sink_failed_ = false;
};

/// Whether an answer's body is the part of the blob from there on.
bool is_part(const net::HttpResponse& response, std::uint64_t first);

}  // namespace kiln::registry
