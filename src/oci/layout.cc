// SPDX-License-Identifier: Apache-2.0
#include "oci/layout.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace kiln::oci {

std::string docker_archive_manifest(const std::vector<DockerArchiveEntry>& images) {
  using nlohmann::json;
  json list = json::array();
  for (const auto& image : images) {
    json tags = json::array();
    for (const auto& name : image.names) tags.push_back(name.familiar());
    json layers = json::array();
    for (const auto& layer : image.layers) layers.push_back(blob_path(layer.digest));
    list.push_back({{"Config", blob_path(image.config)},
                    {"RepoTags", tags.empty() ? json() : tags},
                    {"Layers", std::move(layers)}});
  }
  return dump_json(list);
}

}  // namespace kiln::oci
