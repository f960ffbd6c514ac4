// SPDX-License-Identifier: Apache-2.0
#include "cache/step_manifest.h"

#include <map>

#include "base/sha256.h"
#include "llb/encoder.h"

namespace kiln::cache {
namespace {

constexpr std::string_view kConfigType = "application/vnd.kiln.cache.steps.v1+json";
constexpr const char* kKey = "io.kiln.cache.key";
constexpr const char* kDiffId = "io.kiln.cache.diff-id";
constexpr const char* kCreated = "io.kiln.cache.created";
constexpr const char* kMilliseconds = "io.kiln.cache.milliseconds";
constexpr const char* kInstruction = "io.kiln.cache.instruction";
constexpr std::size_t kLongestInstruction = 200;
constexpr std::size_t kKeyLength = 64;

std::string value_of(const oci::Descriptor& layer, const char* name) {
  const auto found = layer.annotations.find(name);
  return found == layer.annotations.end() ? std::string() : found->second;
}

Result<CachedStep> parse_step(const oci::Descriptor& layer) {
  CachedStep out;
  out.key = value_of(layer, kKey);
  if (out.key.size() != kKeyLength ||
      out.key.find_first_not_of("0123456789abcdef") != std::string::npos)
    return corrupt("a step's key is none");
  auto diff_id = oci::DiffId::parse(value_of(layer, kDiffId));
  if (!diff_id) return corrupt("the layer of step " + out.key + " has no diff ID");
  out.layer = *std::move(diff_id);
  const auto created = parse_rfc3339(value_of(layer, kCreated));
  if (!created) return corrupt("step " + out.key + " has no time");
  out.created = *created;
  const auto milliseconds = parse_uint(value_of(layer, kMilliseconds));
  if (milliseconds && *milliseconds <= INT64_MAX)
    out.milliseconds = static_cast<std::int64_t>(*milliseconds);
  out.instruction = value_of(layer, kInstruction);
  out.blob = layer;
  out.blob.annotations.clear();
  return out;
}

}  // namespace

oci::Descriptor step_config() {
  oci::Descriptor out;
  out.media_type = kConfigType;
  out.digest = oci::Digest::of(kStepConfigText);
  out.size = kStepConfigText.size();
  return out;
}

oci::Descriptor no_layer() {
  oci::Descriptor out = step_config();
  out.media_type = "application/vnd.oci.empty.v1+json";
  return out;
}

bool CachedStep::has_layer() const { return blob.digest != no_layer().digest; }

std::string step_manifest(const std::vector<CachedStep>& steps) {
  oci::Manifest manifest;
  manifest.config = step_config();
  for (const auto& step : steps) {
    oci::Descriptor layer = step.blob;
    layer.annotations = {{kKey, step.key},
                         {kDiffId, step.layer.str()},
                         {kCreated, format_rfc3339(step.created.seconds, step.created.nanoseconds)},
                         {kMilliseconds, std::to_string(step.milliseconds)},
                         {kInstruction, step.instruction.substr(0, kLongestInstruction)}};
    manifest.layers.push_back(std::move(layer));
  }
  return manifest.to_json();
}

Result<std::vector<CachedStep>> parse_step_manifest(std::string_view json) {
  const oci::Manifest manifest = TRY(oci::Manifest::parse(json));
  if (manifest.config.media_type != kConfigType)
    return corrupt("not steps of kiln's but " + manifest.config.media_type);
  std::vector<CachedStep> out;
  for (const auto& layer : manifest.layers) {
    CachedStep step = TRY(parse_step(layer));
    out.push_back(std::move(step));
  }
  return out;
}

std::string build_tag(const llb::Graph& graph, const std::vector<llb::VertexId>& targets) {
  Sha256 hash;
  hash.update("kiln build 1\n");
  std::map<llb::VertexId, std::size_t> numbers;
  for (const llb::VertexId id : graph.needed_by(targets)) {
    numbers.emplace(id, numbers.size());
    llb::Encoder encoder;
    encoder.field("op", llb::encode(graph.vertex(id).op));
    for (const llb::VertexId input : graph.vertex(id).inputs)
      encoder.field("input", std::to_string(numbers.at(input)));
    hash.update(encoder.text());
  }
  return "build-" + to_hex(hash.finish());
}

}  // namespace kiln::cache
