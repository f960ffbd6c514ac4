// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "oci/reference.h"
#include "registry/repository.h"
#include "store/distribution_index.h"
#include "transport/image_destination.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// An image, or an index, at its registry.
class RegistrySource final : public ImageSource {
 public:
  static Result<RegistrySource> open(registry::Registries& registries,
                                     const oci::Reference& reference);
  Result<SourceManifest> top(std::stop_token stop) override;
  Result<SourceManifest> instance(const oci::Descriptor& descriptor, std::stop_token stop) override;
  Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token stop) override;
  const std::string& name() const override { return name_; }

 private:
  RegistrySource(registry::Repository repository, oci::Reference reference)
      : repository_(std::move(repository)),
        reference_(std::move(reference)),
        name_(reference_.familiar()) {}
  registry::Repository repository_;
  oci::Reference reference_;
  std::string name_;
};

/// A repository; a reference without tag gives the image no name but its digest.
class RegistryDestination final : public ImageDestination {
 public:
  /// With `index`, blobs of other repositories of the registry that it knows are mounted, and it
  /// is told where blobs went.
  static Result<RegistryDestination> open(registry::Registries& registries,
                                          const oci::Reference& reference,
                                          store::DistributionIndex* index);
  /// Blobs are looked for in this repository of the same registry too.
  void mount_from(std::string path) { mount_from_ = std::move(path); }

  Traits traits() const override { return {}; }
  Result<std::optional<std::string>> find_blob(const oci::Descriptor& blob,
                                               std::stop_token stop) override;
  Result<void> put_blob(registry::BlobContent& content,
                        const std::optional<oci::Descriptor>& expected,
                        std::stop_token stop) override;
  Result<void> put_manifest(const oci::Descriptor& descriptor, std::string_view content, Role role,
                            std::stop_token stop) override;
  Result<void> finish(std::stop_token) override { return {}; }
  const std::string& name() const override { return name_; }

 private:
  RegistryDestination(registry::Uploader uploader, oci::Reference reference,
                      store::DistributionIndex* index)
      : uploader_(std::move(uploader)),
        reference_(std::move(reference)),
        name_(reference_.familiar()),
        index_(index) {}
  Result<void> note_place(const oci::Digest& digest);

  registry::Uploader uploader_;
  oci::Reference reference_;
  std::string name_, mount_from_;
  store::DistributionIndex* index_;
};

}  // namespace kiln::transport
