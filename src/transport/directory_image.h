// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "transport/file_reader.h"
#include "transport/file_writer.h"
#include "transport/image_destination.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// skopeo's `dir:`: a directory with manifest.json, the manifests of an index as
/// HEX.manifest.json, and blobs named by the digits of their digests.
class DirectorySource final : public ImageSource {
 public:
  DirectorySource(std::unique_ptr<FileReader> files, std::string name)
      : files_(std::move(files)), name_(std::move(name)) {}
  Result<SourceManifest> top(std::stop_token stop) override;
  Result<SourceManifest> instance(const oci::Descriptor& descriptor, std::stop_token stop) override;
  Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token stop) override;
  const std::string& name() const override { return name_; }

 private:
  std::unique_ptr<FileReader> files_;
  std::string name_;
};

/// The image takes the place of the one that is there, once it is whole.
class DirectoryDestination final : public ImageDestination {
 public:
  DirectoryDestination(DirectoryWriter files, std::string name)
      : files_(std::move(files)), name_(std::move(name)) {}
  /// Makes an empty directory one of an image. Kind already_exists for one that has something else
  /// in it.
  static Result<void> prepare(DirectoryWriter& files);
  Traits traits() const override {
    return {.compresses = false, .blobs_at_once = files_.blobs_at_once()};
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
  void keep(std::string file);
  Result<void> remove_others();

  DirectoryWriter files_;
  std::string name_;
  std::mutex mutex_;
  std::set<std::string> kept_;  ///< the files of this image; guarded by mutex_
};

}  // namespace kiln::transport
