// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_loader.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "exporter/archive_file.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "os/system.h"
#include "snapshot/hash_sink.h"
#include "snapshot/layer_apply.h"

namespace kiln::exporter {
namespace {

using nlohmann::json;

std::string blob_path(const oci::Digest& digest) { return "blobs/sha256/" + digest.hex(); }

class Loader {
 public:
  Loader(store::Store& store, const ArchiveFile& file) : store_(&store), file_(&file) {}

  Result<std::vector<LoadedImage>> load() {
    // docker's own list first: it names the images as docker does.
    if (file_->has("manifest.json")) {
      TRY(load_docker());
    } else if (file_->has("index.json")) {
      TRY(load_layout());
    } else {
      return corrupt(file_->name() +
                     " is not an image archive: it has neither manifest.json nor index.json")
          .with_hint("a root file system becomes an image with: kiln import");
    }
    return std::move(loaded_);
  }

 private:
  Result<void> load_docker() {
    const std::string text = TRY(file_->read("manifest.json", oci::kMaxManifestSize));
    const json list = TRY(parse_json(text, file_->name() + ": manifest.json"));
    if (!list.is_array()) return corrupt(file_->name() + ": manifest.json is not a list");
    for (const auto& item : list) {
      const std::string config_path = TRY(json_string(item, "Config"));
      if (config_path.empty())
        return corrupt(file_->name() + ": manifest.json: an image has no Config");
      const auto layers = TRY(json_strings(item, "Layers"));
      const auto tags = TRY(json_strings(item, "RepoTags"));
      const std::string config = TRY(file_->read(config_path, oci::kMaxConfigSize));
      std::vector<oci::Reference> names;
      for (const auto& tag : tags.value_or(std::vector<std::string>())) {
        oci::Reference name = TRY(oci::Reference::parse(tag));
        names.push_back(std::move(name));
      }
      TRY(load_image(config, layers.value_or(std::vector<std::string>()), names));
    }
    return {};
  }

  Result<void> load_layout() {
    const std::string text = TRY(file_->read("index.json", oci::kMaxManifestSize));
    const oci::Index index = TRY(oci::Index::parse(text));
    for (const auto& descriptor : index.manifests) TRY(load_descriptor(descriptor, 0));
    if (loaded_.empty()) return corrupt(file_->name() + " holds no image");
    return {};
  }

  Result<std::string> read_verified(const oci::Digest& digest, std::size_t limit) {
    std::string content = TRY(file_->read(blob_path(digest), limit));
    if (oci::Digest::of(content) != digest)
      return corrupt(file_->name() + ": blob " + digest.str() + " is damaged");
    return content;
  }

  Result<void> load_descriptor(const oci::Descriptor& descriptor, int depth) {
    constexpr int kMaxDepth = 4;
    if (depth > kMaxDepth) return corrupt(file_->name() + ": indexes nest too deeply");
    if (!file_->has(blob_path(descriptor.digest))) {
      // Of an index, an archive may hold some platforms only.
      if (depth > 0) return {};
      return corrupt(file_->name() + ": blob " + descriptor.digest.str() + " is missing");
    }
    const auto kind = descriptor.annotations.find("vnd.docker.reference.type");
    if (kind != descriptor.annotations.end() && kind->second == "attestation-manifest") return {};
    const std::string text = TRY(read_verified(descriptor.digest, oci::kMaxManifestSize));
    if (oci::media_type::is_index(descriptor.media_type)) {
      const oci::Index index = TRY(oci::Index::parse(text));
      return load_children(index, descriptor, depth);
    }
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text));
    const std::string config = TRY(read_verified(manifest.config.digest, oci::kMaxConfigSize));
    std::vector<std::string> layers;
    for (const auto& layer : manifest.layers) {
      TRY(verify_blob(layer.digest));
      layers.push_back(blob_path(layer.digest));
    }
    const auto names = TRY(names_of(descriptor));
    return load_image(config, layers, names);
  }

  /// A name can lead to one image only: of several platforms to this machine's, else to the first.
  Result<void> load_children(const oci::Index& index, const oci::Descriptor& parent, int depth) {
    const auto ours = std::ranges::find_if(index.manifests, [](const oci::Descriptor& child) {
      return child.platform && child.platform->architecture == os::go_architecture();
    });
    const auto named = ours == index.manifests.end() ? index.manifests.begin() : ours;
    for (auto it = index.manifests.begin(); it != index.manifests.end(); ++it) {
      oci::Descriptor child = *it;
      const auto kind = child.annotations.find("vnd.docker.reference.type");
      if (kind == child.annotations.end())
        child.annotations = it == named ? parent.annotations : std::map<std::string, std::string>();
      TRY(load_descriptor(child, depth + 1));
    }
    return {};
  }

  /// A layer's blob; its content has to fit its diff ID too, which is seen when it is unpacked.
  Result<void> verify_blob(const oci::Digest& digest) {
    const auto known = oci::DiffId::parse(digest.str());
    const auto there = TRY(store_->layers().find(*known));
    if (there) return {};  // a plain one, unpacked and verified before
    const auto source = TRY(file_->open_member(blob_path(digest)));
    snapshot::HashSink hash;
    TRY(archive::copy_all(*source, hash));
    if (oci::Digest(hash.finish()) != digest)
      return corrupt(file_->name() + ": blob " + digest.str() + " is damaged");
    return {};
  }

  /// A layout's index names an image by annotations: containerd's full name, or the spec's, which
  /// may be a whole name (skopeo's, with a colon or slash in it) or just a tag, which names
  /// nothing.
  static Result<std::vector<oci::Reference>> names_of(const oci::Descriptor& descriptor) {
    std::vector<oci::Reference> out;
    const auto full = descriptor.annotations.find("io.containerd.image.name");
    const auto ref = descriptor.annotations.find("org.opencontainers.image.ref.name");
    std::string text;
    if (full != descriptor.annotations.end()) {
      text = full->second;
    } else if (ref != descriptor.annotations.end() &&
               ref->second.find_first_of("/:") != std::string::npos) {
      text = ref->second;
    }
    if (text.empty()) return out;
    oci::Reference name = TRY(oci::Reference::parse(text));
    out.push_back(std::move(name));
    return out;
  }

  Result<void> load_image(const std::string& config_json, const std::vector<std::string>& layers,
                          const std::vector<oci::Reference>& names) {
    const oci::ImageConfig config =
        TRY(oci::ImageConfig::parse(config_json).context(file_->name()));
    if (config.diff_ids.size() != layers.size())
      return corrupt(file_->name() + ": " + std::to_string(layers.size()) +
                     " layers, but the config lists " + std::to_string(config.diff_ids.size()));
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto open = [&] { return file_->open_member(layers[i]); };
      TRY(snapshot::apply_layer(*store_, open, config.diff_ids[i]).context(file_->name()));
    }
    LoadedImage loaded;
    loaded.image = TRY(store_->images().put(config_json, names));
    for (const auto& name : names)
      loaded.names.push_back(name.without_digest().with_default_tag().canonical());
    // An index names an image once for each of its names.
    for (auto& known : loaded_) {
      if (known.image.id == loaded.image.id) {
        known.names.insert(known.names.end(), loaded.names.begin(), loaded.names.end());
        known.image = loaded.image;
        return {};
      }
    }
    loaded_.push_back(std::move(loaded));
    return {};
  }

  store::Store* store_;
  const ArchiveFile* file_;
  std::vector<LoadedImage> loaded_;
};

}  // namespace

Result<std::vector<LoadedImage>> load_image_archive(store::Store& store, const os::Fd& input,
                                                    const std::string& name) {
  const ArchiveFile file = TRY(ArchiveFile::open(store, input, name));
  return Loader(store, file).load();
}

}  // namespace kiln::exporter
