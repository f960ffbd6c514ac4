// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_format.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/base64.h"
#include "base/json.h"
#include "oci/image_config.h"
#include "oci/platform_match.h"
#include "registry/credentials.h"

namespace kiln::cache {
namespace {

using nlohmann::json;

constexpr const char* kInline = "moby.buildkit.cache.v0";
constexpr const char* kUncompressed = "containerd.io/uncompressed";
constexpr std::size_t kLargestConfig = std::size_t{8} << 20;
constexpr int kMaxDepth = 3;

json record_of(const CachedStep& step, std::size_t layer) {
  return {{"digest", "sha256:" + step.key},
          {"layers",
           {{{"layer", layer},
             {"createdAt", format_rfc3339(step.created.seconds, step.created.nanoseconds)}}}}};
}

/// The layers that records count.
struct KnownLayer {
  oci::DiffId diff_id;
  oci::Descriptor blob;
};

/// A record of kiln's is a root with one result, whose topmost layer is the step's own.
Result<std::vector<CachedStep>> parse_records(
    const json& records, const std::vector<std::optional<KnownLayer>>& layers) {
  if (!records.is_array()) return corrupt("cache records that are no list");
  std::vector<CachedStep> out;
  for (const auto& record : records) {
    if (!record.is_object()) return corrupt("a cache record that is none");
    const std::string digest = TRY(json_string(record, "digest"));
    const json inputs = TRY(json_array(record, "inputs"));
    const json results = TRY(json_array(record, "layers"));
    const auto key = oci::Digest::parse(digest);
    if (!key || !inputs.empty() || results.size() != 1 || !results[0].is_object()) continue;
    const std::int64_t index = TRY(json_int(results[0], "layer"));
    const std::string created = TRY(json_string(results[0], "createdAt"));
    if (index < 0 || static_cast<std::size_t>(index) >= layers.size())
      return corrupt("a cache record of layer " + std::to_string(index) + ", which there is not");
    const auto& layer = layers[static_cast<std::size_t>(index)];
    if (!layer) continue;
    CachedStep step;
    step.key = key->hex();
    step.layer = layer->diff_id;
    step.blob = layer->blob;
    step.blob.annotations.clear();
    step.created = parse_rfc3339(created).value_or(TimePoint());
    out.push_back(std::move(step));
  }
  return out;
}

Result<std::string> read_text(Storage& storage, const oci::Descriptor& blob,
                              const std::stop_token& stop) {
  if (blob.size > kLargestConfig)
    return corrupt("a config of " + std::to_string(blob.size) + " bytes");
  archive::StringSink sink;
  TRY(storage.fetch_blob(blob, sink, stop));
  return sink.text();
}

Result<std::vector<CachedStep>> read_config(Storage& storage, const oci::Descriptor& config,
                                            const std::vector<oci::Descriptor>& blobs,
                                            const std::stop_token& stop) {
  const std::string text = TRY(read_text(storage, config, stop));
  const json object = TRY(parse_json(text, "cache config"));
  const json list = TRY(json_array(object, "layers"));
  std::vector<std::optional<KnownLayer>> layers;
  for (const auto& layer : list) {
    const std::string digest = TRY(json_string(layer, "blob"));
    const auto blob = std::ranges::find_if(
        blobs, [&](const oci::Descriptor& each) { return each.digest.str() == digest; });
    std::optional<KnownLayer> known;
    if (blob != blobs.end()) {
      const auto plain = blob->annotations.find(kUncompressed);
      const auto diff_id =
          oci::DiffId::parse(plain == blob->annotations.end() ? std::string() : plain->second);
      if (diff_id) known = {*diff_id, *blob};
    }
    layers.push_back(std::move(known));
  }
  const json records = TRY(json_array(object, "records"));
  return parse_records(records, layers);
}

Result<std::vector<CachedStep>> read_inline(Storage& storage, const oci::Manifest& manifest,
                                            const std::stop_token& stop) {
  const std::string text = TRY(read_text(storage, manifest.config, stop));
  const json object = TRY(parse_json(text, "image config"));
  const std::string encoded = TRY(json_string(object, kInline));
  if (encoded.empty()) return std::vector<CachedStep>();
  const auto decoded = registry::decode_base64(encoded);
  if (!decoded) return corrupt("an inline cache that is not base64");
  const oci::ImageConfig config = TRY(oci::ImageConfig::parse(text));
  if (config.diff_ids.size() != manifest.layers.size())
    return corrupt("its config and its manifest differ in the number of layers");
  std::vector<std::optional<KnownLayer>> layers;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i)
    layers.emplace_back(KnownLayer{config.diff_ids[i], manifest.layers[i]});
  const json records = TRY(parse_json(*decoded, "inline cache"));
  return parse_records(records, layers);
}

}  // namespace

std::string inline_cache(const std::vector<oci::DiffId>& layers,
                         const std::vector<CachedStep>& steps) {
  std::map<std::string, json> records;
  for (const auto& step : steps) {
    const auto at = std::ranges::find(layers, step.layer);
    if (at == layers.end()) continue;
    records.insert_or_assign(step.key,
                             record_of(step, static_cast<std::size_t>(at - layers.begin())));
  }
  json list = json::array();
  for (auto& [key, record] : records) list.push_back(std::move(record));
  return base64(dump_json(list));
}

BuildkitCache buildkit_cache(const std::vector<CachedStep>& steps) {
  oci::Manifest manifest;
  json layers = json::array(), records = json::array();
  std::map<oci::DiffId, std::size_t> numbers;
  for (const auto& step : steps) {
    const auto [at, added] = numbers.try_emplace(step.layer, numbers.size());
    if (added) {
      // Each for itself: which layers lie below is no part of a key of kiln's.
      layers.push_back({{"blob", step.blob.digest.str()}, {"parent", -1}});
      oci::Descriptor blob = step.blob;
      blob.annotations = {{kUncompressed, step.layer.str()}};
      manifest.layers.push_back(std::move(blob));
    }
    records.push_back(record_of(step, at->second));
  }
  BuildkitCache out;
  out.config = dump_json({{"layers", std::move(layers)}, {"records", std::move(records)}});
  manifest.config.media_type = kBuildkitConfigType;
  manifest.config.digest = oci::Digest::of(out.config);
  manifest.config.size = out.config.size();
  out.manifest = manifest.to_json();
  return out;
}

Result<std::vector<CachedStep>> read_buildkit_cache(Storage& storage, const std::string& version,
                                                    const oci::Platform& platform,
                                                    const std::stop_token& stop) {
  std::string at = version;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const auto text = TRY(storage.find_manifest(at, stop));
    if (!text) return std::vector<CachedStep>();
    if (const auto index = oci::Index::parse(*text); index && !index->manifests.empty()) {
      const auto config =
          std::ranges::find(index->manifests, kBuildkitConfigType, &oci::Descriptor::media_type);
      if (config != index->manifests.end())
        return read_config(storage, *config, index->manifests, stop);
      const auto chosen = oci::choose_manifest(index->manifests, platform);
      if (!chosen) return std::vector<CachedStep>();
      at = chosen->digest.str();
      continue;
    }
    const oci::Manifest manifest = TRY(oci::Manifest::parse(*text));
    if (manifest.config.media_type == kBuildkitConfigType)
      return read_config(storage, manifest.config, manifest.layers, stop);
    if (oci::media_type::is_image_config(manifest.config.media_type))
      return read_inline(storage, manifest, stop);
    return std::vector<CachedStep>();
  }
  return corrupt("indexes nest too deeply");
}

}  // namespace kiln::cache
