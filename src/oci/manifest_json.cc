// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest_json.h"

#include <initializer_list>

#include "base/json.h"

namespace kiln::oci {
namespace {

using nlohmann::json;

Result<void> refuse_members(const json& object, const char* what,
                            std::initializer_list<const char*> members) {
  for (const char* member : members) {
    const auto found = object.find(member);
    if (found != object.end() && !found->is_null())
      return corrupt(std::string(what) + " with the member \"" + member + '"');
  }
  return {};
}

void set_annotations(json& object, const std::map<std::string, std::string>& annotations) {
  if (annotations.empty()) {
    object.erase("annotations");
  } else {
    object["annotations"] = annotations;
  }
}

void rewrite(json& object, const Descriptor& descriptor) {
  const std::string digest = descriptor.digest.str();
  if (object.value("digest", json()) != digest) object.erase("data");
  object["mediaType"] = descriptor.media_type;
  object["digest"] = digest;
  object["size"] = descriptor.size;
  set_annotations(object, descriptor.annotations);
}

Result<json> parse_list(std::string_view original, const char* list, std::size_t size) {
  json out = TRY(parse_json(original, "manifest"));
  if (out.is_object() && !out.contains(list)) out[list] = json::array();
  if (!out.is_object() || !out[list].is_array() || out[list].size() != size)
    return corrupt(std::string("other ") + list + " than the manifest had");
  return out;
}

}  // namespace

Result<void> check_only_manifest(const json& object) {
  return refuse_members(object, "a manifest", {"manifests", "fsLayers"});
}

Result<void> check_only_index(const json& object) {
  return refuse_members(object, "an index", {"config", "layers", "fsLayers"});
}

Result<std::string> rewritten(std::string_view original, const Manifest& manifest) {
  json out = TRY(parse_list(original, "layers", manifest.layers.size()));
  out["mediaType"] = manifest.media_type;
  rewrite(out["config"], manifest.config);
  for (std::size_t i = 0; i < manifest.layers.size(); ++i)
    rewrite(out["layers"][i], manifest.layers[i]);
  set_annotations(out, manifest.annotations);
  if (manifest.media_type == media_type::kDockerManifest) {
    // Docker's has neither.
    out.erase("artifactType");
    out.erase("subject");
  }
  return dump_json(out);
}

Result<std::string> rewritten(std::string_view original, const Index& index) {
  json out = TRY(parse_list(original, "manifests", index.manifests.size()));
  out["mediaType"] = index.media_type;
  for (std::size_t i = 0; i < index.manifests.size(); ++i) {
    if (index.manifests[i].defect.empty()) rewrite(out["manifests"][i], index.manifests[i]);
  }
  set_annotations(out, index.annotations);
  return dump_json(out);
}

}  // namespace kiln::oci
