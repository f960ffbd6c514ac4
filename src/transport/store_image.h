// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oci/image_config.h"
#include "oci/reference.h"
#include "store/store.h"
#include "transport/image_destination.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// An image of the store, or one whose layers are in the store.
class StoreSource final : public ImageSource {
 public:
  static Result<StoreSource> open(store::Store& store, const store::Image& image, std::string name);
  /// All of an index.
  static Result<StoreSource> open_index(store::Store& store, const store::StoredIndex& index,
                                        std::string name);
  /// Of a build: a manifest or index, and configs and manifests that need not be in the store.
  StoreSource(store::Store& store, std::string top, std::map<oci::Digest, std::string> texts,
              std::string name)
      : store_(&store), top_(std::move(top)), texts_(std::move(texts)), name_(std::move(name)) {}

  Result<SourceManifest> top(std::stop_token stop) override;
  Result<SourceManifest> instance(const oci::Descriptor& descriptor, std::stop_token stop) override;
  Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token stop) override;
  /// True of what was pulled with the manifest that it has.
  bool is_published() const override { return published_; }
  const std::string& name() const override { return name_; }

 private:
  store::Store* store_;
  std::string top_;
  std::map<oci::Digest, std::string> texts_;
  std::string name_;
  bool published_ = false;
};

/// Into the store: blobs first, which are unpacked into layers when the manifest comes. The image
/// keeps its manifest and so its digest, an index all of its images and what is said about them.
class StoreDestination final : public ImageDestination {
 public:
  StoreDestination(store::Store& store, std::optional<oci::Reference> reference);
  ~StoreDestination() override;
  StoreDestination(const StoreDestination&) = delete;
  StoreDestination& operator=(const StoreDestination&) = delete;

  Traits traits() const override { return {.compresses = false}; }
  Result<std::optional<std::string>> find_blob(const oci::Descriptor& blob,
                                               std::stop_token stop) override;
  Result<void> put_blob(registry::BlobContent& content,
                        const std::optional<oci::Descriptor>& expected,
                        std::stop_token stop) override;
  Result<void> put_manifest(const oci::Descriptor& descriptor, std::string_view content, Role role,
                            std::stop_token stop) override;
  Result<void> finish(std::stop_token stop) override;
  const std::string& name() const override { return name_; }
  const std::optional<store::Image>& image() const { return image_; }

 private:
  struct Read {
    std::string config_json, manifest_json;
    oci::Manifest manifest;
    oci::ImageConfig config;
  };
  static Result<Read> read(store::Store& store, std::string_view content);
  Result<void> apply_layers(const Read& image, const std::stop_token& stop);
  Result<store::Image> put_image(const Read& image, const std::vector<oci::Reference>& names);
  Result<void> keep_blobs(const oci::Manifest& manifest, std::string_view content);
  Result<void> put_index(std::string_view content);
  std::vector<oci::Reference> names() const;
  void is_used(const oci::Digest& blob);
  Result<void> apply(const oci::Descriptor& blob, const oci::DiffId& id,
                     const std::stop_token& stop);

  store::Store* store_;
  std::optional<oci::Reference> reference_;
  std::string name_;
  std::mutex mutex_;
  std::vector<oci::Digest> added_;  ///< guarded by mutex_; removed again unless they are used
  std::vector<Read> instances_;     ///< the images of an index that is to come
  std::vector<oci::Digest> blobs_;  ///< what else the index lists
  std::optional<store::Image> image_;
};

}  // namespace kiln::transport
