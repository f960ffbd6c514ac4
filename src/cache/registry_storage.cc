// SPDX-License-Identifier: Apache-2.0
#include "cache/registry_storage.h"

namespace kiln::cache {

Result<std::unique_ptr<RegistryStorage>> RegistryStorage::open(store::Store& store,
                                                               registry::Registries& registries,
                                                               const oci::Reference& repository) {
  auto from = TRY(registry::Repository::open(registries, repository, registry::Purpose::pull_tag));
  auto to = TRY(registry::Uploader::open(registries, repository));
  return std::unique_ptr<RegistryStorage>(
      new RegistryStorage(store, repository, std::move(from), std::move(to)));
}

Result<std::optional<std::string>> RegistryStorage::find_manifest(const std::string& tag,
                                                                  const std::stop_token& stop) {
  const char separator = tag.starts_with("sha256:") ? '@' : ':';
  const oci::Reference reference =
      TRY(oci::Reference::parse(reference_.domain() + "/" + reference_.path() + separator + tag));
  auto fetched = from_.fetch_manifest(reference, stop);
  if (fetched) return std::optional(std::move(fetched->content));
  if (fetched.error().kind() == ErrorKind::not_found) return std::optional<std::string>();
  return std::move(fetched).error();
}

Result<void> RegistryStorage::fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                         const std::stop_token& stop) {
  TRY(from_.fetch_blob(blob, sink, stop));
  return store_->distribution().note_place(blob.digest, reference_);
}

Result<bool> RegistryStorage::has_blob(const oci::Digest& digest, const std::stop_token& stop) {
  bool there = TRY(to_.has_blob(digest, stop));
  if (!there) {
    const auto places = TRY(store_->distribution().places(digest, reference_.domain()));
    for (const auto& place : places) {
      if (place == reference_.path()) continue;
      there = TRY(to_.mount_blob(digest, place, stop));
      break;  // one that does not, does it for none
    }
  }
  if (there) TRY(store_->distribution().note_place(digest, reference_));
  return there;
}

Result<void> RegistryStorage::put_blob(registry::BlobContent& content,
                                       const std::stop_token& stop) {
  TRY(to_.upload_blob(content, stop));
  const oci::Digest digest = TRY(content.digest());
  return store_->distribution().note_place(digest, reference_);
}

Result<void> RegistryStorage::put_manifest(const std::string& tag, const std::string& content,
                                           const std::stop_token& stop) {
  return to_.put_manifest(tag, oci::media_type::kOciManifest, content, stop);
}

}  // namespace kiln::cache
