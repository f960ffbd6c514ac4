// SPDX-License-Identifier: Apache-2.0
#include "transport/store_image.h"

#include <algorithm>

#include "exporter/layer_pull.h"
#include "exporter/layer_workers.h"
#include "os/system.h"
#include "snapshot/layer_apply.h"
#include "store/layer_size.h"
#include "transport/verified.h"

namespace kiln::transport {

Result<StoreSource> StoreSource::open(store::Store& store, const store::Image& image,
                                      std::string name) {
  std::string config = TRY(store.images().config_json(image));
  std::string manifest = TRY(store.blobs().read(image.manifest));
  StoreSource out(store, std::move(manifest), {{image.id, std::move(config)}}, std::move(name));
  // Whether a registry has this very manifest: then its layers go on as they came.
  out.published_ = TRY(store.distribution().is_known(image.manifest));
  if (!out.published_ && image.index)
    out.published_ = TRY(store.distribution().is_known(*image.index));
  return out;
}

Result<StoreSource> StoreSource::open_index(store::Store& store, const store::StoredIndex& index,
                                            std::string name) {
  std::string content = TRY(store.blobs().read(index.digest));
  StoreSource out(store, std::move(content), {}, std::move(name));
  out.published_ = TRY(store.distribution().is_known(index.digest));
  return out;
}

Result<SourceManifest> StoreSource::top(std::stop_token) { return describe_manifest(top_, {}); }

Result<SourceManifest> StoreSource::instance(const oci::Descriptor& descriptor, std::stop_token) {
  const auto text = texts_.find(descriptor.digest);
  if (text != texts_.end()) return verify_manifest(text->second, descriptor);
  std::string content = TRY(store_->blobs().read(descriptor.digest));
  return verify_manifest(std::move(content), descriptor);
}

Result<void> StoreSource::write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                     std::stop_token) {
  const auto text = texts_.find(blob.digest);
  if (text != texts_.end()) return sink.write(archive::as_bytes(text->second));
  const auto id = TRY(oci::DiffId::parse(blob.digest.str()));
  const auto layer = TRY(store_->layers().find(id));
  if (layer) return snapshot::write_layer_tar(*store_, *layer, sink);
  const auto source = TRY(store_->blobs().open_source(blob.digest));
  return copy_verified(*source, blob, sink);
}

StoreDestination::StoreDestination(store::Store& store, std::optional<oci::Reference> reference)
    : store_(&store),
      reference_(std::move(reference)),
      name_(reference_ ? reference_->familiar() : "the store") {}

StoreDestination::~StoreDestination() {
  for (const auto& digest : added_) (void)store_->blobs().remove(digest).ok();
}

Result<std::optional<std::string>> StoreDestination::find_blob(const oci::Descriptor& blob,
                                                               std::stop_token) {
  std::optional<std::string> out;
  const auto id = TRY(oci::DiffId::parse(blob.digest.str()));
  const auto layer = TRY(store_->layers().find(id));
  if (layer || store_->blobs().has(blob.digest)) out = "Already exists";
  return out;
}

Result<void> StoreDestination::put_blob(registry::BlobContent& content,
                                        const std::optional<oci::Descriptor>&, std::stop_token) {
  store::Ingest ingest = TRY(store_->blobs().create());
  const auto source = TRY(content.open(0));
  TRY(archive::copy_all(*source, ingest));
  const oci::Digest digest = TRY(content.digest());
  TRY(ingest.commit_as(digest));
  const std::scoped_lock lock(mutex_);
  added_.push_back(digest);
  return {};
}

Result<void> StoreDestination::apply(const oci::Descriptor& blob, const oci::DiffId& id,
                                     const std::stop_token& stop) {
  const auto known = TRY(store_->layers().find(id));
  const bool plain = blob.digest.hex() == id.hex();
  if (known && plain) return {};
  const auto open = [&] { return store_->blobs().open_source(blob.digest); };
  const store::LayerInfo layer =
      TRY(snapshot::apply_layer(*store_, open, id, snapshot::expansion_limit(blob), stop));
  if (!plain) {
    TRY(store::check_layer_size(store_->blobs(), layer, blob));
    // Noted first: what is noted goes when the layer goes.
    TRY(store_->distribution().note_layer_blob(id, blob));
  }
  const bool keeps = !plain || (layer.blob && layer.blob->digest == blob.digest);
  const std::scoped_lock lock(mutex_);
  if (keeps) std::erase(added_, blob.digest);
  return {};
}

Result<StoreDestination::Read> StoreDestination::read(store::Store& store,
                                                      std::string_view content) {
  Read out;
  out.manifest_json = content;
  out.manifest = TRY(oci::Manifest::parse(content));
  out.config_json = TRY(store.blobs().read(out.manifest.config.digest));
  out.config = TRY(oci::ImageConfig::parse(out.config_json));
  if (out.config.diff_ids.size() != out.manifest.layers.size())
    return corrupt("the image's config and its manifest differ in the number of layers");
  return out;
}

Result<void> StoreDestination::apply_layers(const Read& image, const std::stop_token& stop) {
  const auto& ids = image.config.diff_ids;
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto begin = ids.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(i);
    if (std::find(begin, end, ids[i]) == end) wanted.push_back(i);
  }
  const auto apply_one = [&](std::size_t index, const std::stop_token& layer_stop) {
    const std::size_t at = wanted[index];
    return apply(image.manifest.layers[at], ids[at], layer_stop);
  };
  return exporter::for_each_layer(wanted.size(), os::processor_count(), stop, apply_one);
}

std::vector<oci::Reference> StoreDestination::names() const {
  if (!reference_) return {};
  return {*reference_};
}

void StoreDestination::is_used(const oci::Digest& blob) {
  const std::scoped_lock lock(mutex_);
  std::erase(added_, blob);
}

Result<store::Image> StoreDestination::put_image(const Read& image,
                                                 const std::vector<oci::Reference>& names) {
  auto put = TRY(store_->images().put_with_manifest(image.config_json, image.manifest_json, names));
  is_used(image.manifest.config.digest);
  return put;
}

/// Of what is no image, such as an attestation.
Result<void> StoreDestination::keep_blobs(const oci::Manifest& manifest, std::string_view content) {
  const bool there = store_->blobs().has(oci::Digest::of(content));
  const oci::Digest digest = TRY(store_->blobs().put(content));
  blobs_.push_back(digest);
  if (!there) {
    const std::scoped_lock lock(mutex_);
    added_.push_back(digest);
  }
  blobs_.push_back(manifest.config.digest);
  for (const auto& layer : manifest.layers) blobs_.push_back(layer.digest);
  return {};
}

Result<void> StoreDestination::put_index(std::string_view content) {
  if (instances_.empty()) return invalid_input(name_ + ": the store takes no index without images");
  std::vector<store::IndexedImage> present;
  for (const auto& instance : instances_) {
    const store::Image image = TRY(put_image(instance, {}));
    present.push_back({oci::Digest::of(instance.manifest_json), image.id});
  }
  const auto index = TRY(store_->indexes().put(std::string(content), present, blobs_, names()));
  for (const auto& blob : blobs_) is_used(blob);
  const store::Image* ours = index.choose({"linux", os::go_architecture(), {}});
  image_ = ours == nullptr ? index.images.front() : *ours;
  return {};
}

Result<void> StoreDestination::put_manifest(const oci::Descriptor& descriptor,
                                            std::string_view content, Role role,
                                            std::stop_token stop) {
  if (oci::media_type::is_index(descriptor.media_type)) {
    if (role == Role::top) return put_index(content);
    return unsupported(name_ + ": the store takes no index within an index");
  }
  const oci::Manifest manifest = TRY(oci::Manifest::parse(content));
  const bool is_image = std::ranges::all_of(manifest.layers, [](const oci::Descriptor& layer) {
    return exporter::is_layer_type(layer.media_type);
  });
  if (role == Role::instance && !is_image) return keep_blobs(manifest, content);
  Read image = TRY(read(*store_, content));
  TRY(apply_layers(image, stop));
  if (role == Role::instance) {
    instances_.push_back(std::move(image));
  } else {
    image_ = TRY(put_image(image, names()));
  }
  return {};
}

Result<void> StoreDestination::finish(std::stop_token) { return {}; }

}  // namespace kiln::transport
