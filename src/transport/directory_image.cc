// SPDX-License-Identifier: Apache-2.0
#include "transport/directory_image.h"

#include "base/strings.h"
#include "transport/verified.h"

namespace kiln::transport {
namespace {

constexpr const char* kTopFile = "manifest.json";
constexpr const char* kVersionFile = "version";
constexpr std::string_view kVersion = "Directory Transport Version: 1.1\n";
constexpr std::string_view kVersionMark = "Directory Transport Version: ";
constexpr std::size_t kMaxVersionSize = 4096;

std::string blob_file(const oci::Digest& digest) { return digest.hex(); }
constexpr std::string_view kManifestEnd = ".manifest.json";
std::string manifest_path(const oci::Digest& digest) {
  return digest.hex() + std::string(kManifestEnd);
}

/// Blobs, manifests of an index, and the signatures that skopeo puts beside them.
bool is_of_an_image(std::string_view name) {
  constexpr std::string_view kSignature = "signature-";
  if (name.starts_with(kSignature)) return parse_uint(name.substr(kSignature.size())).has_value();
  if (name.ends_with(kManifestEnd)) name.remove_suffix(kManifestEnd.size());
  return oci::Digest::parse("sha256:" + std::string(name)).ok();
}

}  // namespace

Result<SourceManifest> DirectorySource::top(std::stop_token) {
  std::string content = TRY(files_->read(kTopFile, oci::kMaxManifestSize).context(name_));
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

Result<void> DirectoryDestination::prepare(DirectoryWriter& files) {
  const os::Dir& directory = files.root();
  const auto entries = TRY(directory.list());
  if (entries.empty()) return files.add(kVersionFile, kVersion);
  os::Dir same = TRY(directory.open_dir("."));
  const auto version = DirectoryReader(std::move(same)).read(kVersionFile, kMaxVersionSize);
  if (version && version->starts_with(kVersionMark)) return {};
  return Error(ErrorKind::already_exists,
               directory.path() + " is not empty, and no directory of an image")
      .with_hint("name a directory that is empty or not there, or one that dir: has written");
}

void DirectoryDestination::keep(std::string file) {
  const std::scoped_lock lock(mutex_);
  kept_.insert(std::move(file));
}

Result<std::optional<std::string>> DirectoryDestination::find_blob(const oci::Descriptor& blob,
                                                                   std::stop_token) {
  std::optional<std::string> out;
  const bool there = TRY(files_.has(blob_file(blob.digest), blob.size));
  if (!there) return out;
  keep(blob_file(blob.digest));
  out = "Already exists";
  return out;
}

Result<void> DirectoryDestination::put_blob(registry::BlobContent& content,
                                            const std::optional<oci::Descriptor>& expected,
                                            std::stop_token) {
  TRY(files_.add_blob(content, expected, blob_file));
  const oci::Digest digest = TRY(content.digest());
  keep(blob_file(digest));
  return {};
}

Result<void> DirectoryDestination::put_manifest(const oci::Descriptor& descriptor,
                                                std::string_view content, Role role,
                                                std::stop_token) {
  const std::string file = role == Role::top ? kTopFile : manifest_path(descriptor.digest);
  keep(file);
  return files_.add(file, content);
}

/// What is left of the image that was there.
Result<void> DirectoryDestination::remove_others() {
  const auto entries = TRY(files_.root().list());
  const std::scoped_lock lock(mutex_);
  for (const auto& entry : entries) {
    if (!is_of_an_image(entry.name) || kept_.contains(entry.name)) continue;
    TRY(files_.root().remove_file(entry.name));
  }
  return {};
}

Result<void> DirectoryDestination::finish(std::stop_token) {
  TRY(files_.add(kVersionFile, kVersion));
  TRY(remove_others());
  return files_.finish();
}

}  // namespace kiln::transport
