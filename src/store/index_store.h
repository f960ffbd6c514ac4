// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/manifest.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "store/content_store.h"
#include "store/database.h"
#include "store/image_store.h"

namespace kiln::store {

/// An image of an index that is in the store.
struct IndexedImage {
  oci::Digest manifest;  ///< as the index has it
  oci::Digest image;
};

/// An image for several platforms. It is there as long as one of its images is.
struct StoredIndex {
  oci::Digest digest;
  std::uint64_t size = 0;  ///< of its JSON
  oci::Index content;
  std::vector<Image> images;       ///< those of `content.manifests` that are here, in its order
  std::vector<std::string> names;  ///< canonical, sorted
  std::vector<oci::Digest> blobs;  ///< what belongs to it besides: attestations and their parts

  const Image* find(const oci::Digest& manifest) const;
  /// The image that serves `platform` best; nullptr if none that is here does.
  const Image* choose(const oci::Platform& platform) const;
  /// Whether everything that it lists is here.
  bool is_complete() const;
};

/// Indexes and which of their images are here. A name that leads to an index leads to one of its
/// images too, for who asks for no platform: the one that was asked for last, else this machine's.
/// Thread-safe.
class IndexStore {
 public:
  IndexStore(const Database& database, ContentStore& blobs, ImageStore& images)
      : database_(&database), blobs_(&blobs), images_(&images) {}

  /// Stores an index of which some images, `present`, are in the store; those of an earlier put
  /// stay. `blobs` are blobs of the store that go when the index goes. Names are moved to it, and
  /// lead to the image `chosen` if there is one.
  Result<StoredIndex> put(const std::string& json, const std::vector<IndexedImage>& present,
                          const std::vector<oci::Digest>& blobs,
                          const std::vector<oci::Reference>& names,
                          const std::optional<oci::Digest>& chosen = {});
  Result<std::optional<StoredIndex>> find(const oci::Digest& digest) const;
  /// Indexes that have the image.
  Result<std::vector<oci::Digest>> of_image(const oci::Digest& image) const;
  /// As ImageStore::find, for a platform: nullopt if what the text names is not here for it.
  Result<std::optional<Image>> find_image(const std::string& text,
                                          const oci::Platform& platform) const;
  /// Images that nothing but this index holds: nameless, and in no other index that has a name.
  Result<std::vector<Image>> only_here(const StoredIndex& index) const;
  /// Forgets the index and its names, and none of its images.
  Result<void> remove(const StoredIndex& index);

 private:
  Result<void> insert(const oci::Digest& digest, const oci::Index& index,
                      const std::vector<IndexedImage>& present,
                      const std::vector<oci::Digest>& blobs);
  Result<void> lead_names(const StoredIndex& index, const std::vector<oci::Reference>& names,
                          const std::optional<oci::Digest>& chosen);
  const Database* database_;
  ContentStore* blobs_;
  ImageStore* images_;
};

}  // namespace kiln::store
