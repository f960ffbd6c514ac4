// SPDX-License-Identifier: Apache-2.0
#include "exporter/image_pull.h"

#include <fmt/format.h>

#include "exporter/layer_pull.h"
#include "oci/index_search.h"
#include "oci/platform_match.h"

namespace kiln::exporter {
namespace {

/// What BuildKit says about an image are a few kilobytes; a list of packages may be some megabytes.
constexpr std::uint64_t kMaxAttestationSize = std::uint64_t{64} << 20;
constexpr std::size_t kMaxPlatforms = 200;

Error no_match(const oci::Reference& reference, const oci::Platform& platform) {
  return not_found(fmt::format("no matching manifest for {} in the manifest list entries of {}",
                               platform.str(), reference.familiar()));
}

Result<void> check_layers(const oci::Manifest& manifest) {
  for (const auto& layer : manifest.layers) {
    if (!is_layer_type(layer.media_type))
      return unsupported(fmt::format("layer {} is no layer of an image but {}",
                                     layer.digest.short_hex(),
                                     layer.media_type.empty() ? "of no type" : layer.media_type));
  }
  return {};
}

Result<void> check_platform(const oci::ImageConfig& config, const oci::Reference& reference,
                            const PullOptions& options) {
  if (!options.platform_is_wanted || config.platform.architecture.empty() ||
      oci::platform_fits(config.platform, options.platform)) {
    return {};
  }
  return not_found(
      fmt::format("image with reference {} was found but its platform ({}) does not match the "
                  "specified platform ({})",
                  reference.familiar(), config.platform.str(), options.platform.str()));
}

/// An entry of an index.
Result<std::string> fetch_entry(registry::Repository& repository, const oci::Reference& reference,
                                const oci::Descriptor& entry, std::stop_token stop) {
  TRY(entry.check().context(reference.familiar()));
  registry::FetchedManifest fetched =
      TRY(repository.fetch_manifest(reference.by_digest(entry.digest), std::move(stop)));
  if (fetched.descriptor.size != entry.size) {
    return corrupt(fmt::format("{}: manifest {} has {} bytes, the index says {}",
                               reference.familiar(), entry.digest.str(), fetched.descriptor.size,
                               entry.size));
  }
  return std::move(fetched.content);
}

/// The manifest of the image in an index, or in one within it.
Result<std::string> fetch_image_in(registry::Repository& repository,
                                   const oci::Reference& reference, const oci::Index& index,
                                   const PullOptions& options) {
  const oci::IndexReader read = {
      .manifest =
          [&](const oci::Descriptor& entry) {
            return fetch_entry(repository, reference, entry, options.stop);
          },
      .config =
          [&](const oci::Descriptor& config) {
            return repository.read_blob(config, oci::kMaxConfigSize, options.stop);
          },
  };
  const auto found =
      TRY(oci::find_manifest(index, options.platform, read).context(reference.familiar()));
  if (!found) return no_match(reference, options.platform);
  return fetch_entry(repository, reference, *found, options.stop);
}

}  // namespace

class ImagePuller {
 public:
  ImagePuller(store::Store& store, registry::Repository& repository,
              const oci::Reference& reference, const PullOptions& options)
      : store_(&store), repository_(&repository), reference_(&reference), options_(&options) {}

  /// An image as its manifest and config say it is.
  struct Described {
    std::string manifest_json;
    std::string config_json;
    oci::Manifest manifest;
    oci::ImageConfig config;
  };
  /// The image of one platform, and what the reference names.
  struct Found {
    registry::FetchedManifest top;
    bool in_index = false;  ///< which is `top`, and kept
    Described image;
  };

  Result<PulledImage> pull() {
    registry::FetchedManifest top = TRY(repository_->fetch_manifest(*reference_, options_->stop));
    const bool every = options_->which == PullOptions::Which::every_platform;
    if (every && oci::media_type::is_index(top.descriptor.media_type)) return pull_every(top);
    const Found found = TRY(choose(std::move(top)));
    TRY(fetch_layers(found.image));
    return put(found);
  }

  Result<Found> find() {
    registry::FetchedManifest top = TRY(repository_->fetch_manifest(*reference_, options_->stop));
    return choose(std::move(top));
  }

  Result<void> fetch_layers(const Described& image) {
    return pull_layers(*store_, *repository_, *reference_, image.manifest, image.config, *options_);
  }

  Result<PulledImage> put(const Found& found) {
    if (found.in_index) return put_index(found.top, {found.image}, {});
    return put_single(found.image, found.top.descriptor.digest);
  }

 private:
  Result<Found> choose(registry::FetchedManifest top) {
    Found out;
    out.top = std::move(top);
    std::string manifest = out.top.content;
    const bool is_index = oci::media_type::is_index(out.top.descriptor.media_type);
    if (is_index) {
      const oci::Index index = TRY(oci::Index::parse(manifest).context(reference_->familiar()));
      const auto chosen = oci::choose_manifest(index.manifests, options_->platform);
      // An index of indexes is followed, and not kept.
      out.in_index = chosen && !oci::media_type::is_index(chosen->media_type);
      manifest = TRY(fetch_image_in(*repository_, *reference_, index, *options_));
    }
    out.image = TRY(describe(std::move(manifest)));
    // What an index says counts for more than the config, which may be that of another platform.
    if (!is_index) TRY(check_platform(out.image.config, *reference_, *options_));
    return out;
  }

  Result<Described> describe(std::string manifest_json) {
    Described out;
    out.manifest = TRY(oci::Manifest::parse(manifest_json).context(reference_->familiar()));
    out.manifest_json = std::move(manifest_json);
    out.config_json = TRY(fetch_config(out.manifest));
    TRY(check_layers(out.manifest).context(reference_->familiar()));
    out.config = TRY(oci::ImageConfig::parse(out.config_json).context(reference_->familiar()));
    if (out.config.diff_ids.size() != out.manifest.layers.size()) {
      return corrupt(fmt::format("{}: {} layers, but the config lists {}", reference_->familiar(),
                                 out.manifest.layers.size(), out.config.diff_ids.size()));
    }
    return out;
  }

  Result<std::string> fetch_config(const oci::Manifest& manifest) {
    const oci::Descriptor& config = manifest.config;
    if (!oci::media_type::is_image_config(config.media_type)) {
      return unsupported(
          fmt::format("not a container image: its config is a {}",
                      config.media_type.empty() ? "thing without type" : config.media_type));
    }
    if (store_->blobs().has(config.digest)) return store_->blobs().read(config.digest);
    return repository_->read_blob(config, oci::kMaxConfigSize, options_->stop);
  }

  std::vector<oci::Reference> names() const {
    if (reference_->digest()) return {};
    return {reference_->with_default_tag()};
  }

  Result<PulledImage> put_single(const Described& image, const oci::Digest& digest) {
    PulledImage out;
    out.digest = digest;
    const auto before = TRY(store_->images().find(reference_->canonical()));
    out.image =
        TRY(store_->images().put_with_manifest(image.config_json, image.manifest_json, names()));
    out.changed = !before || before->id != out.image.id || before->manifest != out.image.manifest;
    TRY(note(digest, out.image));
    return out;
  }

  Result<void> note(const oci::Digest& digest, const store::Image& image) {
    TRY(store_->distribution().note_image_digest(*reference_, digest, image));
    return store_->distribution().note_place(image.id, *reference_);
  }

  /// All of an index, with what is said about its images.
  Result<PulledImage> pull_every(const registry::FetchedManifest& top) {
    const oci::Index index = TRY(oci::Index::parse(top.content).context(reference_->familiar()));
    if (index.manifests.size() > kMaxPlatforms)
      return unsupported(
          fmt::format("{}: an index of {} images", reference_->familiar(), index.manifests.size()));
    std::vector<Described> images;
    std::vector<oci::Digest> blobs;
    for (const auto& entry : index.manifests) {
      if (oci::is_attestation(entry)) {
        TRY(fetch_attestation(entry, blobs));
      } else if (oci::media_type::is_index(entry.media_type)) {
        return unsupported(reference_->familiar() +
                           ": an index within an index can't be had for all platforms");
      } else {
        std::string manifest = TRY(fetch_entry(*repository_, *reference_, entry, options_->stop));
        Described image = TRY(describe(std::move(manifest)));
        TRY(fetch_layers(image));
        images.push_back(std::move(image));
      }
    }
    return put_index(top, images, blobs);
  }

  Result<void> fetch_attestation(const oci::Descriptor& entry, std::vector<oci::Digest>& blobs) {
    const std::string text = TRY(fetch_entry(*repository_, *reference_, entry, options_->stop));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text));
    std::vector<oci::Descriptor> parts = manifest.layers;
    parts.push_back(manifest.config);
    for (const auto& part : parts) {
      if (part.size > kMaxAttestationSize)
        return corrupt(fmt::format("attestation {} of {} bytes", part.digest.str(), part.size));
      if (!store_->blobs().has(part.digest)) {
        store::Ingest ingest = TRY(store_->blobs().create());
        TRY(repository_->fetch_blob(part, ingest, options_->stop));
        TRY(ingest.commit_as(part.digest));
      }
      blobs.push_back(part.digest);
    }
    const oci::Digest digest = TRY(store_->blobs().put(text));
    blobs.push_back(digest);
    return {};
  }

  Result<PulledImage> put_index(const registry::FetchedManifest& top,
                                const std::vector<Described>& images,
                                const std::vector<oci::Digest>& blobs) {
    if (images.empty()) return no_match(*reference_, options_->platform);
    const oci::Digest digest = top.descriptor.digest;
    const auto before = TRY(store_->images().find(reference_->canonical()));
    const auto known = TRY(store_->indexes().find(digest));
    std::vector<store::IndexedImage> present;
    for (const auto& each : images) {
      const store::Image image =
          TRY(store_->images().put_with_manifest(each.config_json, each.manifest_json, {}));
      present.push_back({oci::Digest::of(each.manifest_json), image.id});
    }
    // Of two manifests of one config the first gave way to the second: no index had it yet.
    for (const auto& each : images) TRY(store_->blobs().put(each.manifest_json));
    std::optional<oci::Digest> wanted;
    if (options_->platform_is_wanted) wanted = present.front().image;
    const store::StoredIndex index =
        TRY(store_->indexes().put(top.content, present, blobs, names(), wanted));
    PulledImage out;
    out.digest = digest;
    out.changed = !before || before->index != digest || !known;
    for (const auto& item : present) {
      if (!out.changed && known->find(item.manifest) == nullptr) out.changed = true;
      TRY(store_->distribution().note_place(item.image, *reference_));
    }
    const store::Image* image = index.choose(options_->platform);
    out.image = image == nullptr ? index.images.front() : *image;
    TRY(note(digest, out.image));
    return out;
  }

  store::Store* store_;
  registry::Repository* repository_;
  const oci::Reference* reference_;
  const PullOptions* options_;
};

Result<RemoteImage> find_remote_image(registry::Repository& repository,
                                      const oci::Reference& reference, const PullOptions& options) {
  registry::FetchedManifest fetched = TRY(repository.fetch_manifest(reference, options.stop));
  RemoteImage out;
  out.digest = fetched.descriptor.digest;
  if (oci::media_type::is_index(fetched.descriptor.media_type)) {
    const oci::Index index = TRY(oci::Index::parse(fetched.content).context(reference.familiar()));
    fetched.content = TRY(fetch_image_in(repository, reference, index, options));
  }
  out.manifest = TRY(oci::Manifest::parse(fetched.content).context(reference.familiar()));
  out.manifest_json = std::move(fetched.content);
  return out;
}

Result<PulledImage> pull_image(store::Store& store, registry::Registries& registries,
                               const oci::Reference& reference, const PullOptions& options) {
  auto repository =
      TRY(registry::Repository::open(registries, reference, registry::pull_purpose(reference)));
  return ImagePuller(store, repository, reference, options).pull();
}

struct FoundImage::Parts {
  store::Store* store;
  registry::Repository repository;
  oci::Reference reference;
  PullOptions options;
  ImagePuller::Found found = {};

  ImagePuller puller() { return {*store, repository, reference, options}; }
};

FoundImage::FoundImage(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
FoundImage::FoundImage(FoundImage&& other) noexcept = default;
FoundImage::~FoundImage() = default;

Result<FoundImage> FoundImage::find(store::Store& store, registry::Registries& registries,
                                    const oci::Reference& reference, const PullOptions& options) {
  auto repository =
      TRY(registry::Repository::open(registries, reference, registry::pull_purpose(reference)));
  auto parts = std::make_unique<Parts>(Parts{&store, std::move(repository), reference, options});
  parts->found = TRY(parts->puller().find());
  return FoundImage(std::move(parts));
}

const oci::ImageConfig& FoundImage::config() const { return parts_->found.image.config; }
const oci::Digest& FoundImage::digest() const { return parts_->found.top.descriptor.digest; }

Result<bool> FoundImage::has_all() const {
  const auto& layers = parts_->found.image.config.diff_ids;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto there = TRY(parts_->store->layers().find(layers[i]));
    const oci::Digest& blob = parts_->found.image.manifest.layers[i].digest;
    if (!there || (blob.hex() != layers[i].hex() && !parts_->store->blobs().has(blob)))
      return false;
  }
  return true;
}

Result<void> FoundImage::fetch(std::stop_token stop) {
  parts_->options.stop = std::move(stop);
  return parts_->puller().fetch_layers(parts_->found.image);
}

Result<PulledImage> FoundImage::put() { return parts_->puller().put(parts_->found); }

}  // namespace kiln::exporter
