// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_loader.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "archive/compression.h"
#include "base/json.h"
#include "exporter/archive_file.h"
#include "exporter/layer_workers.h"
#include "oci/layout.h"
#include "oci/manifest.h"
#include "oci/platform_match.h"
#include "oci/reference.h"
#include "os/system.h"
#include "snapshot/layer_apply.h"
#include "store/layer_size.h"

namespace kiln::exporter {
namespace {

using nlohmann::json;

class Loader {
 public:
  Loader(store::Store& store, const ArchiveFile& file, const LoadOptions& options)
      : store_(&store), file_(&file), options_(&options) {}

  Result<std::vector<LoadedImage>> load() {
    // docker's own list first: it names the images as docker does. But it knows no indexes.
    const bool indexed = TRY(has_nested_index());
    if (file_->has("manifest.json") && !indexed) {
      TRY(load_docker());
    } else if (file_->has("index.json")) {
      TRY(load_layout());
    } else {
      return corrupt(file_->name() +
                     " is not an image archive: it has neither manifest.json nor index.json")
          .with_hint("a root file system becomes an image with: kiln import");
    }
    if (loaded_.empty() && options_->platform)
      return not_found(file_->name() + " holds no image for " + options_->platform->str());
    return std::move(loaded_);
  }

 private:
  Result<oci::Index> top_index() const {
    const std::string text = TRY(file_->read("index.json", oci::kMaxManifestSize));
    return oci::Index::parse(text).context(file_->name());
  }

  Result<bool> has_nested_index() const {
    if (!file_->has("index.json")) return false;
    const oci::Index index = TRY(top_index());
    return std::ranges::any_of(index.manifests, [this](const oci::Descriptor& each) {
      return oci::media_type::is_index(each.media_type) && file_->has(oci::blob_path(each.digest));
    });
  }

  bool is_wanted(const oci::Platform& platform) const {
    return !options_->platform || platform.architecture.empty() ||
           oci::platform_fits(platform, *options_->platform);
  }

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
      const std::string config_json = TRY(file_->read(config_path, oci::kMaxConfigSize));
      std::vector<oci::Reference> names;
      for (const auto& tag : tags.value_or(std::vector<std::string>())) {
        oci::Reference name = TRY(oci::Reference::parse(tag).context(file_->name()));
        names.push_back(std::move(name));
      }
      const auto paths = layers.value_or(std::vector<std::string>());
      const oci::ImageConfig config = TRY(parse_config(config_json, paths.size()));
      if (!is_wanted(config.platform)) continue;
      const auto manifests = TRY(manifests_of(config_path, names));
      for (const auto& [descriptor, own_names] : manifests)
        TRY(load_descriptor(descriptor, own_names, 0));
      if (!manifests.empty()) continue;
      const auto load_one = [&](std::size_t i, const std::stop_token& stop) -> Result<void> {
        const auto open = [&] { return file_->open_member(paths[i]); };
        TRY(snapshot::apply_layer(*store_, open, config.diff_ids[i],
                                  archive::expansion_limit(file_->size(paths[i]).value_or(0)),
                                  stop));
        return {};
      };
      TRY(load_layers(config.diff_ids, load_one));
      const store::Image image = TRY(store_->images().put(config_json, names));
      add_loaded(image, names);
    }
    return {};
  }

  struct NamedManifest {
    oci::Descriptor descriptor;
    std::vector<oci::Reference> names;
  };

  /// The manifests that the archive, as an image layout, has of a config in docker's list, with
  /// those of `names` that are theirs. None if it is no layout, or has not all of such a manifest.
  Result<std::vector<NamedManifest>> manifests_of(const std::string& config_path,
                                                  const std::vector<oci::Reference>& names) {
    std::vector<NamedManifest> out;
    if (!file_->has("index.json")) return out;
    const oci::Index index = TRY(top_index());
    for (const auto& descriptor : index.manifests) {
      const bool fits = TRY(is_whole_manifest_of(config_path, descriptor));
      if (!fits) continue;
      auto known = std::ranges::find(out, descriptor.digest,
                                     [](const auto& each) { return each.descriptor.digest; });
      if (known == out.end()) known = out.insert(out.end(), {descriptor, {}});
      const auto own = TRY(names_of(descriptor));
      std::ranges::copy_if(own, std::back_inserter(known->names), [&](const auto& name) {
        return std::ranges::find(names, name.canonical(), &oci::Reference::canonical) !=
               names.end();
      });
    }
    if (out.empty()) return out;
    const auto has_name = [&out](const oci::Reference& name) {
      return std::ranges::any_of(out, [&](const auto& each) {
        return std::ranges::find(each.names, name.canonical(), &oci::Reference::canonical) !=
               each.names.end();
      });
    };
    for (const auto& name : names)
      if (!has_name(name)) out.front().names.push_back(name);
    if (!names.empty()) std::erase_if(out, [](const auto& each) { return each.names.empty(); });
    return out;
  }

  Result<bool> is_whole_manifest_of(const std::string& config_path,
                                    const oci::Descriptor& descriptor) {
    if (!oci::media_type::is_manifest(descriptor.media_type)) return false;
    if (!file_->has(oci::blob_path(descriptor.digest))) return false;
    const std::string text = TRY(read_verified(descriptor, oci::kMaxManifestSize));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text).context(file_->name()));
    return oci::blob_path(manifest.config.digest) == config_path &&
           std::ranges::all_of(manifest.layers, [this](const oci::Descriptor& layer) {
             return file_->has(oci::blob_path(layer.digest));
           });
  }

  Result<void> load_layout() {
    const oci::Index index = TRY(top_index());
    for (const auto& descriptor : index.manifests) {
      const auto names = TRY(names_of(descriptor));
      TRY(load_descriptor(descriptor, names, 0));
    }
    if (loaded_.empty() && !options_->platform) return corrupt(file_->name() + " holds no image");
    return {};
  }

  Result<std::string> read_verified(const oci::Descriptor& blob, std::size_t limit) {
    std::string content = TRY(file_->read(oci::blob_path(blob.digest), limit));
    if (oci::Digest::of(content) != blob.digest)
      return corrupt(file_->name() + ": blob " + blob.digest.str() + " is damaged");
    TRY(store::check_size(blob, content.size()).context(file_->name()));
    return content;
  }

  Result<void> load_descriptor(const oci::Descriptor& descriptor,
                               const std::vector<oci::Reference>& names, int depth) {
    constexpr int kMaxDepth = 4;
    if (depth > kMaxDepth) return corrupt(file_->name() + ": indexes nest too deeply");
    if (depth == 0) TRY(descriptor.check().context(file_->name()));
    if (!file_->has(oci::blob_path(descriptor.digest))) {
      // Of an index, an archive may hold some platforms only.
      if (depth > 0) return {};
      return corrupt(file_->name() + ": blob " + descriptor.digest.str() + " is missing");
    }
    if (oci::is_attestation(descriptor)) return {};
    if (!oci::media_type::is_index(descriptor.media_type)) {
      const auto image = TRY(load_manifest(descriptor, names));
      if (image) add_loaded(*image, names);
      return {};
    }
    const std::string text = TRY(read_verified(descriptor, oci::kMaxManifestSize));
    const oci::Index index = TRY(oci::Index::parse(text).context(file_->name()));
    const bool nested = std::ranges::any_of(index.manifests, [](const oci::Descriptor& each) {
      return oci::media_type::is_index(each.media_type);
    });
    return nested ? load_children(index, names, depth) : load_index(text, index, names);
  }

  /// An index of indexes is followed, and not kept. A name can lead to one of them only: that for
  /// this machine, else the first.
  Result<void> load_children(const oci::Index& index, const std::vector<oci::Reference>& names,
                             int depth) {
    const auto ours = std::ranges::find_if(index.manifests, [](const oci::Descriptor& child) {
      return child.platform && child.platform->architecture == os::go_architecture();
    });
    const auto named = ours == index.manifests.end() ? index.manifests.begin() : ours;
    for (auto it = index.manifests.begin(); it != index.manifests.end(); ++it)
      TRY(load_descriptor(*it, it == named ? names : std::vector<oci::Reference>(), depth + 1));
    return {};
  }

  Result<void> load_index(const std::string& text, const oci::Index& index,
                          const std::vector<oci::Reference>& names) {
    std::vector<store::IndexedImage> present;
    std::vector<oci::Digest> blobs;
    for (const auto& entry : index.manifests) {
      if (!file_->has(oci::blob_path(entry.digest))) continue;
      if (oci::is_attestation(entry)) {
        TRY(load_attestation(entry, blobs));
        continue;
      }
      if (entry.platform && !is_wanted(*entry.platform)) continue;
      const auto image = TRY(load_manifest(entry, {}));
      if (image) present.push_back({entry.digest, image->id});
    }
    if (present.empty()) return {};
    // Of two manifests of one config the first gave way to the second: no index had it yet.
    for (const auto& item : present)
      if (!store_->blobs().has(item.manifest)) TRY(keep_blob(item.manifest));
    const store::StoredIndex stored = TRY(store_->indexes().put(text, present, blobs, names));
    const store::Image* ours = stored.choose({"linux", os::go_architecture(), {}});
    add_loaded(ours == nullptr ? stored.images.front() : *ours, names);
    return {};
  }

  /// An attestation is no image, but belongs to one, and goes with its index.
  Result<void> load_attestation(const oci::Descriptor& entry, std::vector<oci::Digest>& blobs) {
    const std::string text = TRY(read_verified(entry, oci::kMaxManifestSize));
    const auto manifest = oci::Manifest::parse(text);
    std::vector<oci::Digest> parts = {entry.digest};
    if (manifest) {
      parts.push_back(manifest->config.digest);
      for (const auto& layer : manifest->layers) parts.push_back(layer.digest);
    }
    for (const auto& part : parts) {
      if (!file_->has(oci::blob_path(part))) continue;
      if (!store_->blobs().has(part)) TRY(keep_blob(part));
      blobs.push_back(part);
    }
    return {};
  }

  Result<void> keep_blob(const oci::Digest& digest) {
    store::Ingest ingest = TRY(store_->blobs().create());
    const auto source = TRY(file_->open_member(oci::blob_path(digest)));
    TRY(archive::copy_all(*source, ingest));
    return ingest.commit_as(digest).context(file_->name());
  }

  /// nullopt if it is for another platform than is wanted, by its entry, else by its config.
  Result<std::optional<store::Image>> load_manifest(const oci::Descriptor& entry,
                                                    const std::vector<oci::Reference>& names) {
    const std::string text = TRY(read_verified(entry, oci::kMaxManifestSize));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text).context(file_->name()));
    const std::string config_json = TRY(read_verified(manifest.config, oci::kMaxConfigSize));
    const oci::ImageConfig config = TRY(parse_config(config_json, manifest.layers.size()));
    if (!is_wanted(entry.platform.value_or(config.platform))) return std::optional<store::Image>();
    const auto load_one = [&](std::size_t i, const std::stop_token& stop) {
      return load_layer(manifest.layers[i], config.diff_ids[i], stop);
    };
    TRY(load_layers(config.diff_ids, load_one));
    store::Image image = TRY(store_->images().put_with_manifest(config_json, text, names));
    return std::optional(std::move(image));
  }

  using LoadLayer = std::function<Result<void>(std::size_t index, const std::stop_token& stop)>;

  /// Several at once. Of a layer that an image holds several times, its first place is loaded.
  Result<void> load_layers(const std::vector<oci::DiffId>& ids, const LoadLayer& load) const {
    std::set<oci::DiffId> seen;
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (seen.insert(ids[i]).second) wanted.push_back(i);
    }
    const auto load_one = [&](std::size_t index, const std::stop_token& stop) {
      return load(wanted[index], stop).context(file_->name());
    };
    return for_each_layer(wanted.size(), os::processor_count(), options_->stop, load_one);
  }

  /// A layer of a layout, which keeps its compressed blob: the manifest stays what it is.
  Result<void> load_layer(const oci::Descriptor& blob, const oci::DiffId& diff_id,
                          const std::stop_token& stop) {
    const std::string path = oci::blob_path(blob.digest);
    if (const auto size = file_->size(path)) TRY(store::check_size(blob, *size));
    if (blob.digest.hex() == diff_id.hex()) {
      TRY(snapshot::apply_layer(
          *store_, [&] { return file_->open_member(path); }, diff_id,
          snapshot::expansion_limit(blob), stop));
      return {};
    }
    const auto known = TRY(store_->layers().find(diff_id));
    if (known && store_->blobs().has(blob.digest)) return {};
    if (known) {
      TRY(store_->distribution().note_layer_blob(diff_id, blob));
      return keep_blob(blob.digest);
    }
    store::Ingest ingest = TRY(store_->blobs().create());
    const auto source = TRY(file_->open_member(path));
    archive::CopyingSource copied(*source, ingest);
    const auto keep = [&]() -> Result<oci::Descriptor> {
      TRY(store_->distribution().note_layer_blob(diff_id, blob));
      TRY(ingest.commit_as(blob.digest));
      return blob;
    };
    auto applied = snapshot::apply_layer_once(*store_, copied, diff_id,
                                              snapshot::expansion_limit(blob), keep, stop);
    if (!applied) return std::move(applied).error();
    return {};
  }

  Result<oci::ImageConfig> parse_config(const std::string& text, std::size_t layers) const {
    oci::ImageConfig config = TRY(oci::ImageConfig::parse(text).context(file_->name()));
    if (config.diff_ids.size() != layers)
      return corrupt(file_->name() + ": " + std::to_string(layers) +
                     " layers, but the config lists " + std::to_string(config.diff_ids.size()));
    return config;
  }

  /// A layout's index names an image by annotations: containerd's full name, or the spec's, which
  /// may be a whole name (skopeo's, with a colon or slash in it) or just a tag, which names
  /// nothing.
  Result<std::vector<oci::Reference>> names_of(const oci::Descriptor& descriptor) const {
    std::vector<oci::Reference> out;
    const auto full = descriptor.annotations.find(oci::kImageName);
    const auto ref = descriptor.annotations.find(oci::kRefName);
    std::string text;
    if (full != descriptor.annotations.end()) {
      text = full->second;
    } else if (ref != descriptor.annotations.end() &&
               ref->second.find_first_of("/:") != std::string::npos) {
      text = ref->second;
    }
    if (text.empty()) return out;
    oci::Reference name = TRY(oci::Reference::parse(text).context(file_->name()));
    out.push_back(std::move(name));
    return out;
  }

  void add_loaded(const store::Image& image, const std::vector<oci::Reference>& names) {
    LoadedImage loaded{image, {}};
    for (const auto& name : names)
      loaded.names.push_back(name.without_digest().with_default_tag().canonical());
    // An index names an image once for each of its names.
    for (auto& known : loaded_) {
      if (known.image.id == image.id && known.image.index == image.index) {
        known.names.insert(known.names.end(), loaded.names.begin(), loaded.names.end());
        known.image = image;
        return;
      }
    }
    loaded_.push_back(std::move(loaded));
  }

  store::Store* store_;
  const ArchiveFile* file_;
  const LoadOptions* options_;
  std::vector<LoadedImage> loaded_;
};

}  // namespace

Result<std::vector<LoadedImage>> load_image_archive(store::Store& store, const os::Fd& input,
                                                    const std::string& name,
                                                    const LoadOptions& options) {
  const ArchiveFile file = TRY(ArchiveFile::open(store, input, name, options.stop));
  return Loader(store, file, options).load();
}

}  // namespace kiln::exporter
