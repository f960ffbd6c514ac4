// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oci/reference.h"
#include "transport/file_reader.h"
#include "transport/file_writer.h"
#include "transport/image_destination.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// An image of an OCI image layout (image spec, image-layout.md), a directory or an archive.
class LayoutSource final : public ImageSource {
 public:
  /// The one that the layout's index calls `tag`, or its only one if that is empty.
  LayoutSource(std::unique_ptr<FileReader> files, std::string tag, std::string name)
      : files_(std::move(files)), tag_(std::move(tag)), name_(std::move(name)) {}
  Result<SourceManifest> top(std::stop_token stop) override;
  Result<SourceManifest> instance(const oci::Descriptor& descriptor, std::stop_token stop) override;
  Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token stop) override;
  const std::string& name() const override { return name_; }

 private:
  std::unique_ptr<FileReader> files_;
  std::string tag_, name_;
};

struct LayoutOptions {
  /// As the layout's index shall call it; empty: not at all.
  std::string tag = {};
  /// Full names, for containerd and docker; each comes with its tag.
  std::vector<oci::Reference> names = {};
  /// docker's manifest.json as well, so that docker and podman load it.
  bool docker_archive = false;
  bool plain_layers = false;
  std::map<std::string, std::string> annotations = {};  ///< of the entry in the index
  std::optional<oci::Platform> platform = {};           ///< of the entry in the index
};

/// An OCI image layout; what is in one that is there stays, but for the entry of the same name.
class LayoutDestination final : public ImageDestination {
 public:
  /// `existing` is read for the index that is there, and may be null.
  LayoutDestination(std::unique_ptr<FileWriter> files, std::unique_ptr<FileReader> existing,
                    LayoutOptions options, std::string name)
      : files_(std::move(files)),
        existing_(std::move(existing)),
        options_(std::move(options)),
        name_(std::move(name)) {}
  Traits traits() const override {
    return {.wants_plain_layers = options_.plain_layers,
            .takes_index = !options_.docker_archive,
            .blobs_at_once = files_->blobs_at_once()};
  }
  Result<std::optional<std::string>> find_blob(const oci::Descriptor& blob,
                                               std::stop_token stop) override;
  Result<void> put_blob(registry::BlobContent& content,
                        const std::optional<oci::Descriptor>& expected,
                        std::stop_token stop) override;
  Result<void> put_manifest(const oci::Descriptor& descriptor, std::string_view content, Role role,
                            std::stop_token stop) override;
  Result<void> finish(std::stop_token stop) override;
  const std::string& name() const override { return name_; }

 private:
  Result<void> begin();
  Result<std::string> new_index() const;
  std::vector<oci::Descriptor> entries() const;
  Result<std::string> docker_manifest() const;

  std::unique_ptr<FileWriter> files_;
  std::unique_ptr<FileReader> existing_;
  LayoutOptions options_;
  std::string name_;
  std::once_flag begun_;
  std::optional<Error> failure_;  ///< of begin()
  oci::Descriptor top_;
  std::string content_;
};

}  // namespace kiln::transport
