// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/database.h"
#include "store/image_store.h"

namespace kiln::store {

/// What is known of images and layers elsewhere: in which compressed forms a layer was received or
/// sent, which repositories have them, and which digests an image has there. It saves work and
/// names images; nothing relies on a registry still having what it had. Thread-safe.
class DistributionIndex {
 public:
  explicit DistributionIndex(const Database& database) : database_(&database) {}

  Result<void> note_layer_blob(const oci::DiffId& layer, const oci::Descriptor& blob);
  Result<std::vector<oci::Descriptor>> layer_blobs(const oci::DiffId& layer) const;

  Result<void> note_place(const oci::Digest& blob, const oci::Reference& repository);
  /// Paths at the registry `domain`.
  Result<std::vector<std::string>> places(const oci::Digest& blob, const std::string& domain) const;

  /// `digest` is that of the image's manifest, of the form in which that was sent, or of an index
  /// that leads to it. What was pulled by its digest has that in `repository`.
  Result<void> note_image_digest(const oci::Reference& repository, const oci::Digest& digest,
                                 const Image& image);
  /// Whether some repository has it.
  Result<bool> is_known(const oci::Digest& digest) const;
  /// `127.0.0.1:5000/app@sha256:…`, as docker shows them, sorted.
  Result<std::vector<std::string>> image_digests(const oci::Digest& image) const;
  /// Those that stand for its manifest, or for the index through which it was found.
  Result<std::vector<std::string>> digests_of(const Image& image) const;

 private:
  const Database* database_;
};

}  // namespace kiln::store
