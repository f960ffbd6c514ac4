// SPDX-License-Identifier: Apache-2.0
#include "transport/docker_archive_image.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "archive/compression.h"
#include "base/json.h"
#include "base/strings.h"
#include "oci/image_config.h"
#include "oci/reference.h"
#include "transport/verified.h"

namespace kiln::transport {
namespace {

using nlohmann::json;

class NullSink final : public archive::ByteSink {
 public:
  Result<void> write(archive::Bytes) override { return {}; }
};

/// Names are compared as docker's short forms, too.
bool has_name(const std::vector<std::string>& tags, const std::string& wanted) {
  const auto canonical = [](const std::string& text) {
    const auto reference = oci::Reference::parse(text);
    return reference ? reference->with_default_tag().canonical() : text;
  };
  return std::ranges::any_of(
      tags, [&](const std::string& tag) { return canonical(tag) == canonical(wanted); });
}

}  // namespace

Result<json> DockerArchiveSource::choose() const {
  const std::string text = TRY(file_->read("manifest.json", oci::kMaxManifestSize).context(name_));
  const json list = TRY(parse_json(text, name_ + ": manifest.json"));
  if (!list.is_array() || list.empty()) return corrupt(name_ + ": manifest.json lists no image");
  if (wanted_.empty()) {
    if (list.size() == 1) return list.front();
    return invalid_input(name_ + " holds several images")
        .with_hint("name one: docker-archive:FILE:NAME or docker-archive:FILE:@INDEX");
  }
  if (wanted_.starts_with('@')) {
    const auto index = parse_uint(std::string_view(wanted_).substr(1));
    if (!index || *index >= list.size()) return not_found(name_ + " has no image " + wanted_);
    return list[static_cast<std::size_t>(*index)];
  }
  for (const auto& item : list) {
    const auto tags = TRY(json_strings(item, "RepoTags"));
    if (tags && has_name(*tags, wanted_)) return item;
  }
  return not_found(name_ + " has no image called " + wanted_);
}

/// Of a compressed member, that takes reading it.
Result<std::uint64_t> DockerArchiveSource::plain_size(const std::string& path) const {
  const auto source = TRY(file_->open(path));
  std::byte head[8];
  const std::size_t have = TRY(archive::read_up_to(*source, head));
  if (archive::detect_compression(archive::Bytes(head).first(have)) == archive::Compression::none)
    return file_->size(path).value_or(0);
  const auto again = TRY(file_->open(path));
  const auto plain = TRY(archive::decompress(*again));
  archive::BoundedSource bounded(*plain, archive::expansion_limit(file_->size(path).value_or(0)));
  NullSink nowhere;
  return archive::copy_all(bounded, nowhere);
}

Result<SourceManifest> DockerArchiveSource::top(std::stop_token) {
  const json item = TRY(choose().context(name_));
  const std::string config_path = TRY(json_string(item, "Config"));
  const auto layers = TRY(json_strings(item, "Layers"));
  const std::string config_text = TRY(file_->read(config_path, oci::kMaxConfigSize).context(name_));
  const oci::ImageConfig config = TRY(oci::ImageConfig::parse(config_text).context(name_));
  const std::size_t count = layers ? layers->size() : 0;
  if (config.diff_ids.size() != count) {
    return corrupt(name_ + ": " + std::to_string(count) + " layers, but the config lists " +
                   std::to_string(config.diff_ids.size()));
  }
  const std::scoped_lock lock(mutex_);
  oci::Manifest manifest;
  manifest.media_type = oci::media_type::kDockerManifest;
  manifest.config.media_type = oci::media_type::kDockerConfig;
  manifest.config.digest = oci::Digest::of(config_text);
  manifest.config.size = config_text.size();
  paths_[manifest.config.digest] = config_path;
  for (std::size_t i = 0; i < count; ++i) {
    oci::Descriptor layer;
    layer.media_type = oci::media_type::kDockerLayer;
    layer.digest = TRY(oci::Digest::parse(config.diff_ids[i].str()));
    layer.size = TRY(plain_size((*layers)[i]).context(name_ + ": " + (*layers)[i]));
    paths_[layer.digest] = (*layers)[i];
    manifest.layers.push_back(std::move(layer));
  }
  return describe_manifest(manifest.to_json(), {});
}

Result<SourceManifest> DockerArchiveSource::instance(const oci::Descriptor& descriptor,
                                                     std::stop_token) {
  return not_found(name_ + " has no manifest " + descriptor.digest.str());
}

Result<void> DockerArchiveSource::write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                             std::stop_token) {
  std::string path;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = paths_.find(blob.digest);
    if (found == paths_.end()) return not_found(name_ + " has no blob " + blob.digest.str());
    path = found->second;
  }
  const auto source = TRY(file_->open(path));
  const auto plain = TRY(archive::decompress(*source));
  return copy_verified(*plain, blob, sink).context(name_ + ": " + path);
}

}  // namespace kiln::transport
