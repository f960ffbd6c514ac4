// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/content_store.h"
#include "store/database.h"
#include "store/layer_store.h"

namespace kiln::store {

/// An image of the store. Its ID is the digest of its config, as docker has it.
struct Image {
  oci::Digest id;
  /// That which it was found by: a name and a digest keep theirs. Else the one that it got last.
  oci::Digest manifest;
  std::uint64_t size = 0;  ///< bytes in its layers' files
  std::int64_t created = 0;
  std::int64_t tagged = 0;         ///< when it was last given a name, milliseconds; 0 if unknown
  std::vector<std::string> names;  ///< canonical, sorted
  /// The index through which it was found; `manifest` is its entry there then.
  std::optional<oci::Digest> index = {};
};

/// Images and their names. Thread-safe.
class ImageStore {
 public:
  ImageStore(const Database& database, ContentStore& blobs, LayerStore& layers)
      : database_(&database), blobs_(&blobs), layers_(&layers) {}

  /// Stores config and manifest of an image whose layers are all in the store; one that is there
  /// already stays as it is. `config_json`'s bytes are kept, so an image from elsewhere keeps its
  /// ID. Names in `names` (tag included, no digest) are moved to it.
  Result<Image> put(const std::string& config_json, const std::vector<oci::Reference>& names);
  /// As put, for an image from elsewhere that keeps its manifest too. The blobs of its layers are
  /// in the store, or are the layers' plain tar streams.
  Result<Image> put_with_manifest(const std::string& config_json, const std::string& manifest_json,
                                  const std::vector<oci::Reference>& names);
  /// The manifest that put() would give an image of this config.
  Result<oci::Manifest> compose_manifest(const std::string& config_json) const;
  Result<oci::ImageConfig> config(const Image& image) const;
  Result<std::string> config_json(const Image& image) const;

  /// By name (tag latest if it has none), by ID or by the unambiguous beginning of an ID. What
  /// names an index, or is the beginning of its digest, gives the image that its names lead to.
  Result<std::optional<Image>> find(const std::string& text) const;
  /// As find; kind not_found in docker's words.
  Result<Image> get(const std::string& text) const;
  Result<std::optional<Image>> find_by_id(const oci::Digest& id) const;
  /// The latest first.
  Result<std::vector<Image>> list() const;

  /// The layers that the index has of it, the lowest first: those of its config.
  Result<std::vector<oci::DiffId>> layers_of(const Image& image) const;
  /// Names the image with its manifest, or the index through which it was found.
  Result<void> tag(const Image& image, const oci::Reference& name);
  /// Returns whether the name was there. Of a reference with a digest, that digest of the
  /// repository is forgotten. A manifest that nothing leads to any more goes.
  Result<bool> untag(const oci::Reference& name);
  /// All that its names, its digests and indexes lead to, and its own.
  Result<std::vector<oci::Digest>> manifests_of(const Image& image) const;
  /// Whether an index that has a name has it: then it is no dangling one.
  Result<bool> is_in_named_index(const Image& image) const;
  /// Forgets an image, its names and its blobs; Store::delete_unused_layers is for its layers. An
  /// index goes with its last image, and its names lead to another of them until then.
  Result<void> remove(const Image& image);
  /// Deletes those of these blobs that no image or index refers to.
  Result<void> remove_unused_blobs(const std::vector<oci::Digest>& blobs) const;
  /// Compressed forms of layers that no manifest has, while one has another form that is here.
  Result<std::vector<oci::Digest>> superseded_blobs() const;

 private:
  enum class Known { keep, replace };
  Result<Image> put_image(const std::string& config_json,
                          const std::optional<std::string>& manifest_json,
                          const std::vector<oci::Reference>& names);
  Result<void> insert(const Image& image, const std::vector<LayerInfo>& layers, Known known);
  Result<Image> load(const std::string& id) const;
  /// With a manifest other than its own if one is given.
  Result<Image> load_with(const std::string& id, const std::string& manifest) const;
  Result<Image> load_of_index(const std::string& id, const std::string& manifest,
                              const std::string& index) const;
  Result<std::optional<Image>> find_named(const std::string& canonical,
                                          const std::optional<oci::Digest>& digest) const;
  Result<std::optional<Image>> find_digest(const oci::Reference& reference) const;
  Result<std::optional<Image>> find_beginning(std::string_view hex) const;
  Result<std::set<oci::Digest>> layers_of_manifests() const;
  const Database* database_;
  ContentStore* blobs_;
  LayerStore* layers_;
};

}  // namespace kiln::store
