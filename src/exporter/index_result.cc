// SPDX-License-Identifier: Apache-2.0
#include "exporter/index_result.h"

#include "os/system.h"

namespace kiln::exporter {

Result<store::Image> put_index(store::Store& store, const std::vector<PlatformImage>& images,
                               const std::vector<oci::Reference>& names,
                               const std::map<std::string, std::string>& annotations) {
  oci::Index index;
  index.annotations = annotations;
  std::vector<store::IndexedImage> present;
  for (const auto& [platform, image, said] : images) {
    const std::string json = TRY(store.blobs().read(image.manifest));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(json));
    oci::Descriptor entry;
    entry.media_type = manifest.media_type;
    entry.digest = image.manifest;
    entry.size = json.size();
    entry.platform = platform;
    entry.annotations = said;
    index.manifests.push_back(std::move(entry));
    present.push_back({image.manifest, image.id});
  }
  const store::StoredIndex stored = TRY(store.indexes().put(index.to_json(), present, {}, names));
  const store::Image* ours = stored.choose({"linux", os::go_architecture(), {}});
  return ours == nullptr ? stored.images.front() : *ours;
}

}  // namespace kiln::exporter
