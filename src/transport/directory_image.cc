// SPDX-License-Identifier: Apache-2.0
#include "transport/directory_image.h"

#include "transport/verified.h"

namespace kiln::transport {
namespace {

std::string blob_file(const oci::Digest& digest) { return digest.hex(); }
std::string manifest_path(const oci::Digest& digest) { return digest.hex() + ".manifest.json"; }

}  // namespace

Result<SourceManifest> DirectorySource::top(std::stop_token) {
  std::string content = TRY(files_->read("manifest.json", oci::kMaxManifestSize).context(name_));
  return describe_manifest(std::move(content), {}).context(name_);
}

Result<SourceManifest> DirectorySource::instance(const oci::Descriptor& descriptor,
                                                 std::stop_token) {
  std::string content =
      TRY(files_->read(manifest_path(descriptor.digest), oci::kMaxManifestSize).context(name_));
  return verify_manifest(std::move(content), descriptor).context(name_);
}

Result<void> DirectorySource::write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                         std::stop_token) {
  const auto source = TRY(files_->open(blob_file(blob.digest)).context(name_));
  return copy_verified(*source, blob, sink).context(name_);
}

Result<std::optional<std::string>> DirectoryDestination::find_blob(const oci::Descriptor& blob,
                                                                   std::stop_token) {
  std::optional<std::string> out;
  const bool there = TRY(files_->has(blob_file(blob.digest), blob.size));
  if (there) out = "Already exists";
  return out;
}

Result<void> DirectoryDestination::put_blob(registry::BlobContent& content,
                                            const std::optional<oci::Descriptor>& expected,
                                            std::stop_token) {
  return files_->add_blob(content, expected, blob_file);
}

Result<void> DirectoryDestination::put_manifest(const oci::Descriptor& descriptor,
                                                std::string_view content, Role role,
                                                std::stop_token) {
  return files_->add(role == Role::top ? "manifest.json" : manifest_path(descriptor.digest),
                     content);
}

Result<void> DirectoryDestination::finish(std::stop_token) {
  TRY(files_->add("version", "Directory Transport Version: 1.1\n"));
  return files_->finish();
}

}  // namespace kiln::transport
