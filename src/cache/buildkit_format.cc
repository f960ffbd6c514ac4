// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_format.h"

#include <algorithm>
#include <iterator>
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

std::string time_text(const TimePoint& time) {
  return format_rfc3339(time.seconds, time.nanoseconds);
}

json one_layer(std::int64_t layer, const TimePoint& created) {
  return {{"layers", {{{"layer", layer}, {"createdAt", time_text(created)}}}}};
}

json record_of(const CachedStep& step, json placed) {
  placed["digest"] = "sha256:" + step.key;
  return placed;
}

using Layers = std::vector<BuildkitRecords::ListedLayer>;

/// A record of kiln's is a root with one result, whose topmost layer is the step's own.
Result<std::vector<CachedStep>> kiln_steps(const json& records, const Layers& layers) {
  std::vector<CachedStep> out;
  for (const auto& record : records) {
    const std::string digest = TRY(json_string(record, "digest"));
    const json inputs = TRY(json_array(record, "inputs"));
    const json results = TRY(json_array(record, "layers"));
    const auto key = oci::Digest::parse(digest);
    if (!key || !inputs.empty() || results.size() != 1) continue;
    const std::int64_t index = TRY(json_int(results[0], "layer"));
    const std::string created = TRY(json_string(results[0], "createdAt"));
    const auto& layer = layers[static_cast<std::size_t>(index)].layer;
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

Result<void> add_records(BuildkitContents& out, const json& records, const Layers& layers) {
  TRY(out.records.add(records, layers));
  std::vector<CachedStep> steps = TRY(kiln_steps(records, layers));
  std::ranges::move(steps, std::back_inserter(out.steps));
  return {};
}

Result<std::string> read_text(Storage& storage, const oci::Descriptor& blob,
                              const std::stop_token& stop) {
  if (blob.size > kLargestConfig)
    return corrupt("a config of " + std::to_string(blob.size) + " bytes");
  archive::StringSink sink;
  TRY(storage.fetch_blob(blob, sink, stop));
  return sink.text();
}

Result<void> read_config(BuildkitContents& out, Storage& storage, const oci::Descriptor& config,
                         const std::vector<oci::Descriptor>& blobs, const std::stop_token& stop) {
  const std::string text = TRY(read_text(storage, config, stop));
  const json object = TRY(parse_json(text, "cache config"));
  const json list = TRY(json_array(object, "layers"));
  Layers layers;
  for (const auto& layer : list) {
    const std::string digest = TRY(json_string(layer, "blob"));
    const auto blob = std::ranges::find_if(
        blobs, [&](const oci::Descriptor& each) { return each.digest.str() == digest; });
    BuildkitRecords::ListedLayer known;
    known.parent = TRY(json_int(layer, "parent"));
    if (blob != blobs.end()) {
      const auto plain = blob->annotations.find(kUncompressed);
      const auto diff_id =
          oci::DiffId::parse(plain == blob->annotations.end() ? std::string() : plain->second);
      if (diff_id) known.layer = {*diff_id, *blob};
    }
    layers.push_back(std::move(known));
  }
  const json records = TRY(json_array(object, "records"));
  return add_records(out, records, layers);
}

Result<void> read_inline(BuildkitContents& out, Storage& storage, const oci::Manifest& manifest,
                         const std::stop_token& stop) {
  const std::string text = TRY(read_text(storage, manifest.config, stop));
  const json object = TRY(parse_json(text, "image config"));
  const std::string encoded = TRY(json_string(object, kInline));
  if (encoded.empty()) return {};
  const auto decoded = registry::decode_base64(encoded);
  if (!decoded) return corrupt("an inline cache that is not base64");
  const oci::ImageConfig config = TRY(oci::ImageConfig::parse(text));
  if (config.diff_ids.size() != manifest.layers.size())
    return corrupt("its config and its manifest differ in the number of layers");
  Layers layers;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i)
    layers.push_back(
        {BuildkitLayer{config.diff_ids[i], manifest.layers[i]}, static_cast<std::int64_t>(i) - 1});
  const json records = TRY(parse_json(*decoded, "inline cache"));
  return add_records(out, records, layers);
}

}  // namespace

std::int64_t BuildkitLayers::number_of(std::int64_t parent, const oci::DiffId& layer,
                                       const oci::Descriptor& blob) {
  const auto [at, added] =
      numbers_.try_emplace({parent, layer}, static_cast<std::int64_t>(list_.size()));
  if (!added) return at->second;
  list_.push_back({{"blob", blob.digest.str()}, {"parent", parent}});
  const bool is_new =
      std::ranges::find(blobs_, blob.digest, &oci::Descriptor::digest) == blobs_.end();
  if (is_new) {
    blobs_.push_back(blob);
    blobs_.back().annotations = {{kUncompressed, layer.str()}};
  }
  return at->second;
}

json BuildkitLayers::place(const solver::StepResult& result,
                           const std::map<oci::DiffId, oci::Descriptor>& blobs) {
  std::int64_t at = -1;
  for (const auto& layer : result.layers) at = number_of(at, layer, blobs.at(layer));
  return one_layer(at, result.created);
}

json BuildkitLayers::place(const CachedStep& step) {
  return one_layer(number_of(-1, step.layer, step.blob), step.created);
}

std::optional<json> place_in_image(const solver::StepResult& result,
                                   const std::vector<oci::DiffId>& layers) {
  if (result.layers.empty()) return std::nullopt;
  if (result.layers.size() <= layers.size() &&
      std::equal(result.layers.begin(), result.layers.end(), layers.begin()))
    return one_layer(static_cast<std::int64_t>(result.layers.size()) - 1, result.created);
  json numbers = json::array();
  for (const auto& layer : result.layers) {
    const auto at = std::ranges::find(layers, layer);
    if (at == layers.end()) return std::nullopt;
    numbers.push_back(at - layers.begin());
  }
  return json{{"chains", {{{"layers", numbers}, {"createdAt", time_text(result.created)}}}}};
}

std::string inline_cache(const std::vector<oci::DiffId>& layers, json records,
                         const std::vector<CachedStep>& steps) {
  std::map<std::string, json> own;
  for (const auto& step : steps) {
    const auto at = std::ranges::find(layers, step.layer);
    if (at == layers.end()) continue;
    own.insert_or_assign(step.key, record_of(step, one_layer(at - layers.begin(), step.created)));
  }
  for (auto& [key, record] : own) records.push_back(std::move(record));
  return base64(dump_json(records));
}

BuildkitCache buildkit_cache(BuildkitLayers layers, json records,
                             const std::vector<CachedStep>& steps) {
  // Each for itself: which layers lie below is no part of a key of kiln's.
  for (const auto& step : steps) records.push_back(record_of(step, layers.place(step)));
  BuildkitCache out;
  out.config = dump_json({{"layers", layers.list()}, {"records", std::move(records)}});
  oci::Manifest manifest;
  manifest.layers = layers.blobs();
  manifest.config.media_type = kBuildkitConfigType;
  manifest.config.digest = oci::Digest::of(out.config);
  manifest.config.size = out.config.size();
  out.manifest = manifest.to_json();
  return out;
}

Result<void> read_buildkit_cache(BuildkitContents& out, Storage& storage,
                                 const std::string& version, const oci::Platform& platform,
                                 const std::stop_token& stop) {
  std::string at = version;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const auto text = TRY(storage.find_manifest(at, stop));
    if (!text) return {};
    if (const auto index = oci::Index::parse(*text); index && !index->manifests.empty()) {
      const auto config =
          std::ranges::find(index->manifests, kBuildkitConfigType, &oci::Descriptor::media_type);
      if (config != index->manifests.end())
        return read_config(out, storage, *config, index->manifests, stop);
      const auto chosen = oci::choose_manifest(index->manifests, platform);
      if (!chosen) return {};
      at = chosen->digest.str();
      continue;
    }
    const oci::Manifest manifest = TRY(oci::Manifest::parse(*text));
    if (manifest.config.media_type == kBuildkitConfigType)
      return read_config(out, storage, manifest.config, manifest.layers, stop);
    if (oci::media_type::is_image_config(manifest.config.media_type))
      return read_inline(out, storage, manifest, stop);
    return {};
  }
  return corrupt("indexes nest too deeply");
}

}  // namespace kiln::cache
