// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "registry/upload.h"

namespace kiln::cache {

/// Where manifests under tags and blobs are kept: a directory, a repository. May be used by several
/// threads; what one writer puts there, no other one undoes.
class Storage {
 public:
  virtual ~Storage() = default;
  /// For messages, and to tell storages apart: `type=local,src=/caches/app`.
  virtual const std::string& name() const = 0;
  /// The repository that it is, if it is one.
  virtual const oci::Reference* repository() const = 0;

  /// By tag, or by digest: `sha256:…`.
  virtual Result<std::optional<std::string>> find_manifest(const std::string& tag,
                                                           const std::stop_token& stop) = 0;
  /// Verified: kind corrupt, at the latest at its end, if the bytes are not what `blob` says.
  virtual Result<void> fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                  const std::stop_token& stop) = 0;

  virtual Result<bool> has_blob(const oci::Digest& digest, const std::stop_token& stop) = 0;
  virtual Result<void> put_blob(registry::BlobContent& content, const std::stop_token& stop) = 0;
  /// Its blobs are there already. Can be found after commit() only.
  virtual Result<void> put_manifest(const std::string& tag, const std::string& content,
                                    const std::stop_token& stop) = 0;
  virtual Result<void> commit() = 0;
};

/// A blob in memory.
class TextBlob final : public registry::BlobContent {
 public:
  explicit TextBlob(std::string text) : text_(std::move(text)) {}
  Result<std::unique_ptr<archive::ByteSource>> open(std::uint64_t offset) override {
    const auto rest = archive::as_bytes(text_).subspan(static_cast<std::size_t>(offset));
    return std::unique_ptr<archive::ByteSource>(std::make_unique<archive::MemorySource>(rest));
  }
  std::optional<std::uint64_t> size() const override { return text_.size(); }
  Result<oci::Digest> digest() override { return oci::Digest::of(text_); }

 private:
  std::string text_;
};

}  // namespace kiln::cache
