// SPDX-License-Identifier: Apache-2.0
#include "oci/index_entry.h"

#include "base/json.h"
#include "oci/manifest_json.h"

namespace kiln::oci {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// As Go's json.MarshalIndent, which escapes what could be HTML.
std::string written(const ordered_json& value, int indent) {
  const std::string text = value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Result<IndexEntry::Platform> IndexEntry::Platform::parse(const json& object) {
  Platform out;
  out.architecture = TRY(json_string(object, "architecture"));
  out.os = TRY(json_string(object, "os"));
  out.os_version = TRY(json_string(object, "os.version"));
  out.variant = TRY(json_string(object, "variant"));
  const auto features = TRY(json_strings(object, "os.features"));
  if (features) out.os_features = *features;
  return out;
}

ordered_json platform_to_json(const IndexEntry::Platform& platform) {
  ordered_json out = {{"architecture", platform.architecture}, {"os", platform.os}};
  if (!platform.os_version.empty()) out["os.version"] = platform.os_version;
  if (!platform.os_features.empty()) out["os.features"] = platform.os_features;
  if (!platform.variant.empty()) out["variant"] = platform.variant;
  return out;
}

Result<IndexEntry> IndexEntry::parse(const json& object) {
  if (!object.is_object()) return corrupt("an index's entry is no object");
  IndexEntry out;
  out.media_type = TRY(json_string(object, "mediaType"));
  const std::string text = TRY(json_string(object, "digest"));
  const auto digest = Digest::parse(text);
  if (!digest) return corrupt(digest.error().message());
  out.digest = *digest;
  const std::int64_t size = TRY(json_int(object, "size"));
  if (size < 0) return corrupt("descriptor of negative size");
  out.size = static_cast<std::uint64_t>(size);
  const auto urls = TRY(json_strings(object, "urls"));
  if (urls) out.urls = *urls;
  out.annotations = TRY(json_string_map(object, "annotations"));
  out.data = TRY(json_string(object, "data"));
  const json platform = TRY(json_object(object, "platform"));
  if (!platform.empty()) out.platform = TRY(Platform::parse(platform));
  out.artifact_type = TRY(json_string(object, "artifactType"));
  return out;
}

Descriptor IndexEntry::descriptor() const {
  Descriptor out;
  out.media_type = media_type;
  out.digest = digest;
  out.size = size;
  if (platform) out.platform = platform->simple();
  out.annotations = annotations;
  return out;
}

ordered_json IndexEntry::to_json() const {
  ordered_json out = {{"mediaType", media_type}, {"digest", digest.str()}, {"size", size}};
  if (!urls.empty()) out["urls"] = urls;
  if (!annotations.empty()) out["annotations"] = annotations;
  if (!data.empty()) out["data"] = data;
  if (platform) out["platform"] = platform_to_json(*platform);
  if (!artifact_type.empty()) out["artifactType"] = artifact_type;
  return out;
}

Result<FullIndex> FullIndex::parse(std::string_view text) {
  const json object = TRY(parse_json(text, "index"));
  if (!object.is_object()) return corrupt("index: not a JSON object");
  FullIndex out;
  out.media_type = TRY(json_string(object, "mediaType").context("index"));
  if (out.media_type.empty()) out.media_type = std::string(media_type::kOciIndex);
  if (!media_type::is_index(out.media_type)) return corrupt("not an index but " + out.media_type);
  TRY(check_only_index(object).context("index"));
  const json entries = TRY(json_array(object, "manifests").context("index"));
  for (const auto& item : entries) {
    IndexEntry entry = TRY(IndexEntry::parse(item).context("index"));
    out.entries.push_back(std::move(entry));
  }
  out.annotations = TRY(json_string_map(object, "annotations"));
  return out;
}

std::string FullIndex::to_json() const {
  ordered_json list = ordered_json::array();
  for (const auto& entry : entries) list.push_back(entry.to_json());
  ordered_json out = {
      {"schemaVersion", 2}, {"mediaType", media_type}, {"manifests", std::move(list)}};
  if (!annotations.empty()) out["annotations"] = annotations;
  return written(out, 2);
}

std::string FullIndex::to_docker_json() const {
  ordered_json list = ordered_json::array();
  for (const auto& entry : entries) {
    list.push_back(
        {{"mediaType", entry.media_type},
         {"size", entry.size},
         {"digest", entry.digest.str()},
         {"platform", platform_to_json(entry.platform.value_or(IndexEntry::Platform()))}});
  }
  return written({{"schemaVersion", 2}, {"mediaType", media_type}, {"manifests", std::move(list)}},
                 3);
}

}  // namespace kiln::oci
