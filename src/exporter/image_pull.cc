// SPDX-License-Identifier: Apache-2.0
#include "exporter/image_pull.h"

#include <fmt/format.h>

#include <set>
#include <thread>

#include "archive/byte_pipe.h"
#include "exporter/layer_workers.h"
#include "oci/platform_match.h"
#include "snapshot/layer_apply.h"

namespace kiln::exporter {
namespace {

constexpr int kMaxIndexDepth = 3;
/// A layer whose bytes were not what they should be is fetched again that often in all.
constexpr int kLayerAttempts = 3;

/// Gives bytes to two sinks.
class TeeSink final : public archive::ByteSink {
 public:
  TeeSink(archive::ByteSink& first, archive::ByteSink& second) : first_(&first), second_(&second) {}
  Result<void> write(archive::Bytes data) override {
    TRY(first_->write(data));
    return second_->write(data);
  }

 private:
  archive::ByteSink* first_;
  archive::ByteSink* second_;
};

void report(const PullOptions& options, const oci::Descriptor& blob, std::string_view status) {
  if (options.progress != nullptr) options.progress->layer(blob.digest.short_hex(), status);
}

/// Download on a thread of its own, unpacking on this one.
Result<void> stream_layer(store::Store& store, registry::Repository& repository,
                          const oci::Descriptor& blob, const oci::DiffId& diff_id,
                          const PullOptions& options, std::stop_token stop) {
  store::Ingest ingest = TRY(store.blobs().create());
  archive::BytePipe pipe;
  TeeSink tee(ingest, pipe.sink());
  std::optional<Result<void>> fetched;
  std::jthread download([&] {
    fetched = repository.fetch_blob(blob, tee, stop);
    if (fetched->ok()) report(options, blob, "Download complete");
    pipe.finish(*fetched);
  });
  const auto keep = [&]() -> Result<oci::Descriptor> {
    download.join();
    TRY(*fetched);
    TRY(store.distribution().note_layer_blob(diff_id, blob));
    TRY(ingest.commit_as(blob.digest));
    return blob;
  };
  auto applied = snapshot::apply_layer_once(store, pipe.source(), diff_id, keep);
  if (!applied.ok()) pipe.abandon(applied.error());
  if (download.joinable()) download.join();
  // Of two errors, the one that caused the other.
  if (fetched && !fetched->ok() &&
      (applied.ok() || fetched->error().message() != applied.error().message())) {
    return *fetched;
  }
  if (!applied.ok()) return std::move(applied).error();
  return {};
}

/// A layer that the store has unpacked, but not as this image's blob.
Result<void> keep_blob(store::Store& store, registry::Repository& repository,
                       const oci::Descriptor& blob, const oci::DiffId& diff_id,
                       std::stop_token stop) {
  store::Ingest ingest = TRY(store.blobs().create());
  TRY(repository.fetch_blob(blob, ingest, stop));
  // Noted first: what is noted goes when the layer goes.
  TRY(store.distribution().note_layer_blob(diff_id, blob));
  return ingest.commit_as(blob.digest);
}

Result<void> fetch_layer(store::Store& store, registry::Repository& repository,
                         const oci::Descriptor& blob, const oci::DiffId& diff_id,
                         const PullOptions& options, std::stop_token stop) {
  const auto known = TRY(store.layers().find(diff_id));
  const bool plain = blob.digest.hex() == diff_id.hex();
  if (known && (plain || store.blobs().has(blob.digest))) {
    report(options, blob, "Already exists");
    return {};
  }
  report(options, blob, "Pulling fs layer");
  for (int attempt = 1;; ++attempt) {
    auto done = known ? keep_blob(store, repository, blob, diff_id, stop)
                      : stream_layer(store, repository, blob, diff_id, options, stop);
    if (done.ok()) break;
    const bool broken = done.error().kind() == ErrorKind::corrupt;
    if (!broken || attempt == kLayerAttempts || stop.stop_requested()) {
      return std::move(done).error().context("layer " + blob.digest.short_hex());
    }
    report(options, blob, "Retrying");
  }
  report(options, blob, known ? "Download complete" : "Pull complete");
  return {};
}

Result<std::string> fetch_config(store::Store& store, registry::Repository& repository,
                                 const oci::Manifest& manifest, std::stop_token stop) {
  if (!oci::media_type::is_image_config(manifest.config.media_type)) {
    return unsupported(fmt::format(
        "not a container image: its config is a {}",
        manifest.config.media_type.empty() ? "thing without type" : manifest.config.media_type));
  }
  if (store.blobs().has(manifest.config.digest)) return store.blobs().read(manifest.config.digest);
  return repository.read_blob(manifest.config, oci::kMaxConfigSize, stop);
}

Error no_match(const oci::Reference& reference, const oci::Platform& platform) {
  return not_found(fmt::format("no matching manifest for {} in the manifest list entries of {}",
                               platform.str(), reference.familiar()));
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

Result<void> fetch_layers(store::Store& store, registry::Repository& repository,
                          const oci::Reference& reference, const oci::Manifest& manifest,
                          const oci::ImageConfig& config, const PullOptions& options) {
  // An image may hold the same layer several times.
  std::set<oci::DiffId> seen;
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
    if (seen.insert(config.diff_ids[i]).second) wanted.push_back(i);
  }
  TRY(for_each_layer(wanted.size(), options.layers_at_once, options.stop,
                     [&](std::size_t index, std::stop_token stop) {
                       const std::size_t at = wanted[index];
                       return fetch_layer(store, repository, manifest.layers[at],
                                          config.diff_ids[at], options, stop);
                     }));
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
    // A second blob of one layer, which no layer brought with it.
    const oci::Descriptor& blob = manifest.layers[i];
    if (blob.digest.hex() != config.diff_ids[i].hex() && !store.blobs().has(blob.digest)) {
      TRY(keep_blob(store, repository, blob, config.diff_ids[i], options.stop));
    }
    TRY(store.distribution().note_place(blob.digest, reference));
  }
  return {};
}

}  // namespace

Result<RemoteImage> find_remote_image(registry::Repository& repository,
                                      const oci::Reference& reference, const PullOptions& options) {
  registry::FetchedManifest fetched = TRY(repository.fetch_manifest(reference, options.stop));
  RemoteImage out;
  out.digest = fetched.descriptor.digest;
  for (int depth = 0; oci::media_type::is_index(fetched.descriptor.media_type); ++depth) {
    if (depth == kMaxIndexDepth) {
      return corrupt(reference.familiar() + ": its indexes nest too deeply");
    }
    const oci::Index index = TRY(oci::Index::parse(fetched.content).context(reference.familiar()));
    const auto chosen = oci::choose_manifest(index.manifests, options.platform);
    if (!chosen) return no_match(reference, options.platform);
    const oci::Reference exact = TRY(oci::Reference::parse(
        fmt::format("{}/{}@{}", reference.domain(), reference.path(), chosen->digest.str())));
    fetched = TRY(repository.fetch_manifest(exact, options.stop));
    if (fetched.descriptor.size != chosen->size) {
      return corrupt(fmt::format("{}: manifest {} has {} bytes, the index says {}",
                                 reference.familiar(), chosen->digest.str(),
                                 fetched.descriptor.size, chosen->size));
    }
  }
  out.manifest = TRY(oci::Manifest::parse(fetched.content).context(reference.familiar()));
  out.manifest_json = std::move(fetched.content);
  return out;
}

Result<PulledImage> pull_image(store::Store& store, registry::Registries& registries,
                               const oci::Reference& reference, const PullOptions& options) {
  const registry::Purpose purpose =
      reference.digest() ? registry::Purpose::pull_digest : registry::Purpose::pull_tag;
  auto repository = TRY(registry::Repository::open(registries, reference, purpose));
  const RemoteImage remote = TRY(find_remote_image(repository, reference, options));
  const std::string config_json =
      TRY(fetch_config(store, repository, remote.manifest, options.stop));
  const oci::ImageConfig config =
      TRY(oci::ImageConfig::parse(config_json).context(reference.familiar()));
  TRY(check_platform(config, reference, options));
  if (config.diff_ids.size() != remote.manifest.layers.size()) {
    return corrupt(fmt::format("{}: {} layers, but the config lists {}", reference.familiar(),
                               remote.manifest.layers.size(), config.diff_ids.size()));
  }
  TRY(fetch_layers(store, repository, reference, remote.manifest, config, options));

  PulledImage out;
  out.digest = remote.digest;
  const auto before = TRY(store.images().find(reference.canonical()));
  std::vector<oci::Reference> names;
  if (!reference.digest()) names.push_back(reference.with_default_tag());
  out.image = TRY(store.images().put_with_manifest(config_json, remote.manifest_json, names));
  out.changed = !before || before->id != out.image.id || before->manifest != out.image.manifest;
  TRY(store.distribution().note_image_digest(reference, remote.digest, out.image.id));
  TRY(store.distribution().note_place(out.image.id, reference));
  return out;
}

}  // namespace kiln::exporter
