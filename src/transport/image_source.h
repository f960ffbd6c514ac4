// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "oci/manifest.h"

namespace kiln::transport {

/// A manifest or index, verified against its digest.
struct SourceManifest {
  oci::Descriptor descriptor;
  std::string content;
};

/// One image, or several under one index, wherever it is. Everything that it gives is verified
/// against the digest that asked for it. May be used by several threads.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// The image's manifest, or its index. Kind corrupt for more than oci::kMaxManifestSize bytes.
  virtual Result<SourceManifest> top(std::stop_token stop) = 0;
  /// One of an index's.
  virtual Result<SourceManifest> instance(const oci::Descriptor& descriptor,
                                          std::stop_token stop) = 0;
  /// All of a blob; kind corrupt, at the end or before, if its bytes are not what `blob` says.
  virtual Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                  std::stop_token stop) = 0;
  /// Whether its layers have the form that their maker chose. If not, plain ones are compressed for
  /// where that is usual.
  virtual bool is_published() const { return true; }
  /// For messages, as the user wrote it.
  virtual const std::string& name() const = 0;
};

}  // namespace kiln::transport
