// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.h"

#include "base/json.h"
#include "oci/manifest_json.h"

namespace kiln::oci {
namespace {

using nlohmann::json;

Result<Descriptor> parse_any_descriptor(const json& object) {
  Descriptor out;
  out.media_type = TRY(json_string(object, "mediaType"));
  const std::string text = TRY(json_string(object, "digest"));
  const std::int64_t size = TRY(json_int(object, "size"));
  const auto digest = Digest::parse(text);
  if (!digest) {
    out.defect = digest.error().message();
  } else if (size < 0) {
    out.defect = "descriptor of negative size";
  } else {
    out.digest = *digest;
    out.size = static_cast<std::uint64_t>(size);
  }
  const json platform = TRY(json_object(object, "platform"));
  if (!platform.empty()) {
    Platform p;
    p.os = TRY(json_string(platform, "os"));
    p.architecture = TRY(json_string(platform, "architecture"));
    p.variant = TRY(json_string(platform, "variant"));
    out.platform = std::move(p);
  }
  out.annotations = TRY(json_string_map(object, "annotations"));
  return out;
}

Result<Descriptor> parse_descriptor(const json& object) {
  Descriptor out = TRY(parse_any_descriptor(object));
  TRY(out.check());
  return out;
}

using ParseDescriptor = Result<Descriptor> (*)(const json& object);
Result<std::vector<Descriptor>> parse_descriptors(const json& object, const char* key,
                                                  ParseDescriptor parse) {
  const json list = TRY(json_array(object, key));
  std::vector<Descriptor> out;
  for (const auto& item : list) {
    Descriptor descriptor = TRY(parse(item));
    out.push_back(std::move(descriptor));
  }
  return out;
}

Result<Manifest> parse_manifest(const json& object) {
  if (!object.is_object()) return corrupt("not a JSON object");
  const std::int64_t version = TRY(json_int(object, "schemaVersion"));
  if (version == 1)
    return unsupported(
        "image manifest schema 1 is too old: push the image again with a newer tool");
  if (version != 2) return corrupt("schemaVersion is not 2");
  TRY(check_only_manifest(object));
  Manifest out;
  const std::string type = TRY(json_string(object, "mediaType"));
  if (!type.empty()) out.media_type = type;
  if (!media_type::is_manifest(out.media_type)) return corrupt("not a manifest but " + type);
  const json config = TRY(json_object(object, "config"));
  out.config = TRY(parse_descriptor(config));
  out.layers = TRY(parse_descriptors(object, "layers", parse_descriptor));
  out.annotations = TRY(json_string_map(object, "annotations"));
  return out;
}

Result<Index> parse_index(const json& object) {
  if (!object.is_object()) return corrupt("not a JSON object");
  Index out;
  const std::string type = TRY(json_string(object, "mediaType"));
  if (!type.empty()) out.media_type = type;
  if (!media_type::is_index(out.media_type)) return corrupt("not an index but " + type);
  TRY(check_only_index(object));
  out.manifests = TRY(parse_descriptors(object, "manifests", parse_any_descriptor));
  out.annotations = TRY(json_string_map(object, "annotations"));
  return out;
}

}  // namespace

namespace media_type {
bool is_index(std::string_view type) { return type == kOciIndex || type == kDockerIndex; }
bool is_manifest(std::string_view type) { return type == kOciManifest || type == kDockerManifest; }
bool is_image_config(std::string_view type) { return type == kOciConfig || type == kDockerConfig; }

std::string as_oci(std::string_view type) {
  if (type == kDockerConfig) return std::string(kOciConfig);
  if (type == kDockerLayer) return std::string(kOciLayer);
  if (type == kDockerLayerGzip) return std::string(kOciLayerGzip);
  if (type == kDockerLayerZstd) return std::string(kOciLayerZstd);
  return std::string(type);
}

std::string as_docker(std::string_view type) {
  if (type == kOciConfig) return std::string(kDockerConfig);
  if (type == kOciLayer) return std::string(kDockerLayer);
  if (type == kOciLayerGzip) return std::string(kDockerLayerGzip);
  return std::string(type);
}
}  // namespace media_type

json to_json(const Descriptor& descriptor) {
  json out = {{"mediaType", descriptor.media_type},
              {"digest", descriptor.digest.str()},
              {"size", descriptor.size}};
  if (const auto& from = descriptor.platform) {
    json platform = {{"os", from->os}, {"architecture", from->architecture}};
    if (!from->variant.empty()) platform["variant"] = from->variant;
    out["platform"] = std::move(platform);
  }
  if (!descriptor.annotations.empty()) out["annotations"] = descriptor.annotations;
  return out;
}

Result<void> Descriptor::check() const { return defect.empty() ? Result<void>() : corrupt(defect); }

Result<Manifest> Manifest::parse(std::string_view text) {
  const json object = TRY(parse_json(text, "manifest"));
  return parse_manifest(object).context("manifest");
}

std::string Manifest::to_json() const {
  json list = json::array();
  for (const auto& layer : layers) list.push_back(oci::to_json(layer));
  json out = {{"schemaVersion", 2},
              {"mediaType", media_type},
              {"config", oci::to_json(config)},
              {"layers", std::move(list)}};
  if (!annotations.empty()) out["annotations"] = annotations;
  return dump_json(out);
}

Result<Index> Index::parse(std::string_view text) {
  const json object = TRY(parse_json(text, "index"));
  return parse_index(object).context("index");
}

std::string Index::to_json() const {
  json list = json::array();
  for (const auto& manifest : manifests) list.push_back(oci::to_json(manifest));
  json out = {{"schemaVersion", 2}, {"mediaType", media_type}, {"manifests", std::move(list)}};
  if (!annotations.empty()) out["annotations"] = annotations;
  return dump_json(out);
}

}  // namespace kiln::oci
