// SPDX-License-Identifier: Apache-2.0
#include "transport/store_image.h"

#include <algorithm>

#include "exporter/layer_workers.h"
#include "os/system.h"
#include "snapshot/layer_apply.h"
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
    // Noted first: what is noted goes when the layer goes.
    TRY(store_->distribution().note_layer_blob(id, blob));
  }
  const bool keeps = !plain || (layer.blob && layer.blob->digest == blob.digest);
  const std::scoped_lock lock(mutex_);
  if (keeps) std::erase(added_, blob.digest);
  return {};
}

Result<void> StoreDestination::put_manifest(const oci::Descriptor&, std::string_view content, Role,
                                            std::stop_token stop) {
  const oci::Manifest manifest = TRY(oci::Manifest::parse(content));
  const std::string config_json = TRY(store_->blobs().read(manifest.config.digest));
  const oci::ImageConfig config = TRY(oci::ImageConfig::parse(config_json));
  if (config.diff_ids.size() != manifest.layers.size())
    return corrupt("the image's config and its manifest differ in the number of layers");
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
    const auto begin = config.diff_ids.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(i);
    if (std::find(begin, end, config.diff_ids[i]) == end) wanted.push_back(i);
  }
  const auto apply_one = [&](std::size_t index, const std::stop_token& layer_stop) {
    const std::size_t at = wanted[index];
    return apply(manifest.layers[at], config.diff_ids[at], layer_stop);
  };
  TRY(exporter::for_each_layer(wanted.size(), os::processor_count(), stop, apply_one));
  std::vector<oci::Reference> names;
  if (reference_) names.push_back(*reference_);
  image_ = TRY(store_->images().put_with_manifest(config_json, std::string(content), names));
  const std::scoped_lock lock(mutex_);
  std::erase(added_, manifest.config.digest);
  return {};
}

Result<void> StoreDestination::finish(std::stop_token) { return {}; }

}  // namespace kiln::transport
