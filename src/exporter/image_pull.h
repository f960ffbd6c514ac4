// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include "base/result.h"
#include "exporter/transfer_progress.h"
#include "oci/image_config.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "registry/repository.h"
#include "store/store.h"

namespace kiln::exporter {

struct PullOptions {
  /// Of an index: the image for `platform`, or all of it, with the attestations about its images.
  enum class Which { one_platform, every_platform };
  Which which = Which::one_platform;
  oci::Platform platform;
  /// The user named the platform: an image of another one is refused.
  bool platform_is_wanted = false;
  unsigned layers_at_once = 4;
  std::stop_token stop = {};
  TransferProgress* progress = nullptr;
};

struct PulledImage {
  store::Image image;
  oci::Digest digest;    ///< what the reference names: of the index, if it is one
  bool changed = false;  ///< the store had not this image under this name
};

/// Gets an image from its registry into the store. Layers come in parallel; each is downloaded,
/// verified, inflated and unpacked as one stream, and keeps its compressed blob. Nothing is named
/// before all of the image is there and fits its digests; layers that are complete stay when the
/// rest fails, so that the next attempt goes on with them. An index is kept, with what the store
/// has of it. A reference with a digest gives the image no name.
Result<PulledImage> pull_image(store::Store& store, registry::Registries& registries,
                               const oci::Reference& reference, const PullOptions& options);

/// An image of one platform at its registry, known by its manifest and config.
class FoundImage {
 public:
  /// `options.which` is left aside. `registries` outlives it.
  static Result<FoundImage> find(store::Store& store, registry::Registries& registries,
                                 const oci::Reference& reference, const PullOptions& options);
  FoundImage(FoundImage&& other) noexcept;
  ~FoundImage();

  const oci::ImageConfig& config() const;
  const oci::Digest& digest() const;  ///< what the reference names: of the index, if it is one
  /// Whether the store has everything that fetch() would get.
  Result<bool> has_all() const;
  /// Gets the layers that the store has not, as pull_image() does.
  Result<void> fetch(std::stop_token stop);
  /// Once they are there: the image has its name in the store.
  Result<PulledImage> put();

 private:
  struct Parts;
  explicit FoundImage(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// What the reference names at its registry now, for a platform: the image's ID, found without
/// getting its layers.
struct RemoteImage {
  oci::Digest digest;  ///< of the index or manifest
  oci::Manifest manifest;
  std::string manifest_json;
};
Result<RemoteImage> find_remote_image(registry::Repository& repository,
                                      const oci::Reference& reference, const PullOptions& options);

}  // namespace kiln::exporter
