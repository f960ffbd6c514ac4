// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "oci/manifest.h"
#include "registry/upload.h"

namespace kiln::transport {

/// Where an image goes: blobs first, then manifests, those of an index before it, then finish().
/// Until then nothing has a name. Blobs may come from several threads.
class ImageDestination {
 public:
  struct Traits {
    /// Plain layers are compressed on their way, unless their image is published with them.
    bool compresses = true;
    /// Layers have to be plain tar streams.
    bool wants_plain_layers = false;
    bool takes_index = true;
    /// How many blobs may come at once.
    unsigned blobs_at_once = 3;
  };

  virtual ~ImageDestination() = default;
  virtual Traits traits() const = 0;
  /// Whether the blob is there, or could be had without sending it; then how, in docker's words.
  virtual Result<std::optional<std::string>> find_blob(const oci::Descriptor& blob,
                                                       std::stop_token stop) = 0;
  /// `expected` is what the blob is, where that is known before it is read; else `content` knows it
  /// afterwards.
  virtual Result<void> put_blob(registry::BlobContent& content,
                                const std::optional<oci::Descriptor>& expected,
                                std::stop_token stop) = 0;
  enum class Role { instance, top };
  virtual Result<void> put_manifest(const oci::Descriptor& descriptor, std::string_view content,
                                    Role role, std::stop_token stop) = 0;
  virtual Result<void> finish(std::stop_token stop) = 0;
  /// For messages.
  virtual const std::string& name() const = 0;
};

}  // namespace kiln::transport
