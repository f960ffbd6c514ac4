// SPDX-License-Identifier: Apache-2.0
#include "transport/registry_image.h"

#include <fmt/format.h>

#include <vector>

namespace kiln::transport {

Result<RegistrySource> RegistrySource::open(registry::Registries& registries,
                                            const oci::Reference& reference) {
  auto repository =
      TRY(registry::Repository::open(registries, reference, registry::pull_purpose(reference)));
  return RegistrySource(std::move(repository), reference.with_default_tag());
}

Result<SourceManifest> RegistrySource::top(std::stop_token stop) {
  auto fetched = TRY(repository_.fetch_manifest(reference_, std::move(stop)));
  return SourceManifest{std::move(fetched.descriptor), std::move(fetched.content)};
}

Result<SourceManifest> RegistrySource::instance(const oci::Descriptor& descriptor,
                                                std::stop_token stop) {
  auto fetched =
      TRY(repository_.fetch_manifest(reference_.by_digest(descriptor.digest), std::move(stop)));
  if (fetched.descriptor.size != descriptor.size) {
    return corrupt(name_ + ": manifest " + descriptor.digest.str() +
                   " has another size than its index says");
  }
  return SourceManifest{std::move(fetched.descriptor), std::move(fetched.content)};
}

Result<void> RegistrySource::write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                        std::stop_token stop) {
  return repository_.fetch_blob(blob, sink, std::move(stop));
}

Result<RegistryDestination> RegistryDestination::open(registry::Registries& registries,
                                                      const oci::Reference& reference,
                                                      store::DistributionIndex* index) {
  auto uploader = TRY(registry::Uploader::open(registries, reference));
  return RegistryDestination(std::move(uploader), reference, index);
}

Result<void> RegistryDestination::note_place(const oci::Digest& digest) {
  if (index_ == nullptr) return {};
  return index_->note_place(digest, reference_);
}

Result<std::optional<std::string>> RegistryDestination::find_blob(const oci::Descriptor& blob,
                                                                  std::stop_token stop) {
  std::optional<std::string> out;
  const bool there = TRY(uploader_.has_blob(blob, stop));
  if (there) {
    TRY(note_place(blob.digest));
    out = "Layer already exists";
    return out;
  }
  std::vector<std::string> places;
  if (index_ != nullptr) places = TRY(index_->places(blob.digest, reference_.domain()));
  if (!mount_from_.empty()) places.push_back(mount_from_);
  for (const auto& place : places) {
    if (place == reference_.path()) continue;
    const bool mounted = TRY(uploader_.mount_blob(blob.digest, place, stop));
    if (!mounted) break;  // one that does not, does it for none
    TRY(note_place(blob.digest));
    out = "Mounted from " + place;
    return out;
  }
  return out;
}

Result<void> RegistryDestination::put_blob(registry::BlobContent& content,
                                           const std::optional<oci::Descriptor>&,
                                           std::stop_token stop) {
  TRY(uploader_.upload_blob(content, std::move(stop)));
  const oci::Digest digest = TRY(content.digest());
  return note_place(digest);
}

Result<void> RegistryDestination::put_manifest(const oci::Descriptor& descriptor,
                                               std::string_view content, Role role,
                                               std::stop_token stop) {
  std::string version = descriptor.digest.str();
  if (role == Role::top && reference_.digest() && *reference_.digest() != descriptor.digest) {
    return invalid_input(fmt::format("{}: the manifest that goes out has the digest {}",
                                     reference_.familiar(), version));
  }
  if (role == Role::top) version = reference_.tag().value_or(version);
  return uploader_.put_manifest(version, descriptor.media_type, content, std::move(stop));
}

}  // namespace kiln::transport
