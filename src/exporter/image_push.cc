// SPDX-License-Identifier: Apache-2.0
#include "exporter/image_push.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporter/layer_workers.h"
#include "registry/upload.h"

namespace kiln::exporter {
namespace {

class ImagePusher {
 public:
  ImagePusher(store::Store& store, registry::Uploader& uploader, const oci::Reference& reference,
              const PushOptions& options)
      : store_(&store), uploader_(&uploader), reference_(&reference), options_(&options) {}

  Result<PushedImage> push(const store::Image& image) {
    const std::string stored = TRY(store_->blobs().read(image.manifest));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(stored));
    const oci::ImageConfig config = TRY(store_->images().config(image));
    if (manifest.layers.size() != config.diff_ids.size()) {
      return corrupt("image " + image.id.short_hex() + ": its manifest does not fit its config");
    }
    keeps_manifest_ = TRY(was_seen(image));
    for (std::size_t i = config.diff_ids.size(); i-- > 0;) report(config.diff_ids[i], "Preparing");
    oci::Manifest sent = manifest;
    const auto send = [&](std::size_t i, std::stop_token stop) -> Result<void> {
      sent.layers[i] = TRY(send_layer(config.diff_ids[i], manifest.layers[i], stop));
      return {};
    };
    TRY(for_each_layer(config.diff_ids.size(), options_->layers_at_once, options_->stop, send));
    TRY(send_config(manifest.config));
    if (sent.layers == manifest.layers) return finish(image, stored, manifest.media_type);
    return finish(image, as_oci(std::move(sent)).to_json(), oci::media_type::kOciManifest);
  }

 private:
  /// Whether a registry has this very manifest: then its layers go on as they came.
  Result<bool> was_seen(const store::Image& image) const {
    const auto digests = TRY(store_->distribution().image_digests(image.id));
    return std::ranges::any_of(digests, [&](const std::string& name) {
      return name.ends_with("@" + image.manifest.str());
    });
  }

  void report(const oci::DiffId& layer, std::string_view status) const {
    if (options_->progress != nullptr) options_->progress->layer(layer.short_hex(), status);
  }

  /// A manifest of ours is OCI's throughout, whatever its base came as.
  static oci::Manifest as_oci(oci::Manifest manifest) {
    manifest.media_type = oci::media_type::kOciManifest;
    manifest.config.media_type = oci::media_type::kOciConfig;
    for (auto& layer : manifest.layers)
      layer.media_type = oci::media_type::as_oci(layer.media_type);
    return manifest;
  }

  Result<PushedImage> finish(const store::Image& image, const std::string& content,
                             std::string_view media_type) {
    PushedImage out{oci::Digest::of(content), content.size()};
    TRY(uploader_->put_manifest(reference_->tag().value_or(out.digest.str()), media_type, content,
                                options_->stop));
    TRY(store_->distribution().note_image_digest(*reference_, out.digest, image.id));
    return out;
  }

  /// Returns what the layer is in the repository.
  Result<oci::Descriptor> send_layer(const oci::DiffId& diff_id, const oci::Descriptor& blob,
                                     std::stop_token stop) {
    const store::LayerInfo layer = TRY(store_->layers().get(diff_id));
    const bool plain = blob.digest.hex() == diff_id.hex();
    const bool here = store_->blobs().has(blob.digest);
    if ((!plain || keeps_manifest_) && here) {
      const bool there = TRY(find_or_mount(diff_id, blob, stop));
      if (there) return blob;
      StoredBlob content(*store_, blob.digest, blob.size);
      TRY(upload(diff_id, content, stop));
      TRY(store_->distribution().note_place(blob.digest, *reference_));
      return blob;
    }
    if (plain && keeps_manifest_) {
      const bool there = TRY(find_or_mount(diff_id, blob, stop));
      if (there) return blob;
      LayerCompression none;
      none.kind = archive::Compression::none;
      CompressedLayer content(*store_, layer, none);
      TRY(upload(diff_id, content, stop));
      return blob;
    }
    const auto forms = TRY(store_->distribution().layer_blobs(diff_id));
    for (const auto& form : forms) {
      if (form.media_type != compressed_type()) continue;
      const bool there = TRY(find_or_mount(diff_id, form, stop));
      if (there) return form;
    }
    CompressedLayer content(*store_, layer, options_->compression);
    TRY(upload(diff_id, content, stop));
    oci::Descriptor out;
    out.media_type = compressed_type();
    out.digest = TRY(content.digest());
    out.size = content.size().value_or(0);
    TRY(store_->distribution().note_layer_blob(diff_id, out));
    TRY(store_->distribution().note_place(out.digest, *reference_));
    return out;
  }

  std::string compressed_type() const {
    switch (options_->compression.kind) {
      case archive::Compression::zstd:
        return std::string(oci::media_type::kOciLayerZstd);
      case archive::Compression::gzip:
        return std::string(oci::media_type::kOciLayerGzip);
      default:
        return std::string(oci::media_type::kOciLayer);
    }
  }

  Result<bool> find_or_mount(const oci::DiffId& diff_id, const oci::Descriptor& blob,
                             std::stop_token stop) {
    const bool there = TRY(uploader_->has_blob(blob.digest, stop));
    if (there) {
      TRY(store_->distribution().note_place(blob.digest, *reference_));
      report(diff_id, "Layer already exists");
      return true;
    }
    const auto places = TRY(store_->distribution().places(blob.digest, reference_->domain()));
    for (const auto& place : places) {
      if (place == reference_->path()) continue;
      const bool mounted = TRY(uploader_->mount_blob(blob.digest, place, stop));
      if (!mounted) break;  // one that does not, does it for none
      TRY(store_->distribution().note_place(blob.digest, *reference_));
      report(diff_id, "Mounted from " + place);
      return true;
    }
    return false;
  }

  Result<void> upload(const oci::DiffId& diff_id, registry::BlobContent& content,
                      std::stop_token stop) {
    TRY(uploader_->upload_blob(content, stop).context("layer " + diff_id.short_hex()));
    report(diff_id, "Pushed");
    return {};
  }

  Result<void> send_config(const oci::Descriptor& config) {
    const bool there = TRY(uploader_->has_blob(config.digest, options_->stop));
    if (there) return {};
    StoredBlob content(*store_, config.digest, config.size);
    return uploader_->upload_blob(content, options_->stop);
  }

  store::Store* store_;
  registry::Uploader* uploader_;
  const oci::Reference* reference_;
  const PushOptions* options_;
  bool keeps_manifest_ = false;
};

}  // namespace

Result<PushedImage> push_image(store::Store& store, registry::Registries& registries,
                               const store::Image& image, const oci::Reference& reference,
                               const PushOptions& options) {
  auto uploader = TRY(registry::Uploader::open(registries, reference));
  return ImagePusher(store, uploader, reference, options).push(image);
}

}  // namespace kiln::exporter
