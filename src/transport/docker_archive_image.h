// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "transport/file_reader.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// An image of `docker save`'s archive: it has no manifest, so one is made for it, with the layers
/// as plain tar streams, whatever compression they have in the archive.
class DockerArchiveSource final : public ImageSource {
 public:
  /// `wanted` is a name that the archive has for it, or `@INDEX`; empty: its only image.
  DockerArchiveSource(std::unique_ptr<ArchiveReader> file, std::string wanted, std::string name)
      : file_(std::move(file)), wanted_(std::move(wanted)), name_(std::move(name)) {}
  Result<SourceManifest> top(std::stop_token stop) override;
  Result<SourceManifest> instance(const oci::Descriptor& descriptor, std::stop_token stop) override;
  Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token stop) override;
  bool is_published() const override { return false; }
  const std::string& name() const override { return name_; }

 private:
  Result<nlohmann::json> choose() const;
  Result<std::uint64_t> plain_size(const std::string& path) const;

  std::unique_ptr<ArchiveReader> file_;
  std::string wanted_, name_;
  std::mutex mutex_;
  std::map<oci::Digest, std::string> paths_;  ///< guarded by mutex_; filled by top()
};

}  // namespace kiln::transport
