// SPDX-License-Identifier: Apache-2.0
#include "transport/index_part.h"

#include "base/json.h"
#include "os/system.h"
#include "registry/upload.h"
#include "transport/image_copy.h"
#include "transport/registry_image.h"

namespace kiln::transport {

Result<oci::IndexEntry::Platform> platform_of_config(std::string_view config) {
  const auto object = TRY(parse_json(config, "config"));
  if (!object.is_object()) return corrupt("config: not a JSON object");
  return oci::IndexEntry::Platform::parse(object).context("config");
}

Result<NamedManifest> read_named_manifest(registry::Registries& registries,
                                          const oci::Reference& reference, std::stop_token stop) {
  auto repository =
      TRY(registry::Repository::open(registries, reference, registry::pull_purpose(reference)));
  auto fetched = TRY(repository.fetch_manifest(reference, stop));
  NamedManifest out;
  out.entry.media_type = fetched.descriptor.media_type;
  out.entry.digest = fetched.descriptor.digest;
  out.entry.size = fetched.descriptor.size;
  out.content = std::move(fetched.content);
  if (out.is_index()) return out;
  const auto manifest = TRY(oci::Manifest::parse(out.content));
  const std::string config =
      TRY(repository.read_blob(manifest.config, oci::kMaxConfigSize, std::move(stop)));
  out.entry.platform = TRY(platform_of_config(config));
  return out;
}

Result<void> copy_part(registry::Registries& registries, const IndexPart& part,
                       const oci::Reference& to, std::stop_token stop) {
  if (part.from.domain() == to.domain() && part.from.path() == to.path()) return {};
  const oci::Reference exact = part.from.by_digest(part.entry.digest);
  const oci::Reference target = to.by_digest(part.entry.digest);
  auto source = TRY(RegistrySource::open(registries, exact));
  auto destination = TRY(RegistryDestination::open(registries, target, nullptr));
  if (part.from.domain() == to.domain()) destination.mount_from(part.from.path());
  CopyOptions options;
  options.instances = Instances::all;
  options.preserve_digests = true;
  options.threads = os::processor_count();
  options.stop = std::move(stop);
  auto copied = copy_image(source, destination, options);
  if (!copied) return std::move(copied).error();
  return {};
}

Result<void> put_index(registry::Registries& registries, const oci::Reference& to,
                       const std::string& media_type, const std::string& content,
                       std::stop_token stop) {
  auto uploader = TRY(registry::Uploader::open(registries, to));
  const std::string version = to.tag().value_or(oci::Digest::of(content).str());
  return uploader.put_manifest(version, media_type, content, std::move(stop));
}

}  // namespace kiln::transport
