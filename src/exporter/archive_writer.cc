// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_writer.h"

#include <nlohmann/json.hpp>
#include <set>

#include "archive/fd_stream.h"
#include "archive/tar_writer.h"
#include "base/json.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "snapshot/hashing_source.h"
#include "snapshot/layer_apply.h"

namespace kiln::exporter {
namespace {

using nlohmann::json;

class ArchiveWriter {
 public:
  ArchiveWriter(store::Store& store, archive::ByteSink& sink) : store_(&store), tar_(sink) {}

  Result<void> write(const std::vector<ArchiveImage>& images, ArchiveFormat format) {
    std::vector<oci::Manifest> manifests;
    for (const auto& item : images) {
      const std::string text = TRY(store_->blobs().read(item.image.manifest));
      oci::Manifest manifest = TRY(oci::Manifest::parse(text));
      manifests.push_back(std::move(manifest));
    }
    TRY(add_directory("blobs"));
    TRY(add_directory("blobs/sha256"));
    TRY(add_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    const std::string index = TRY(make_index(images));
    TRY(add_file("index.json", index));
    if (format == ArchiveFormat::docker) {
      const std::string manifest = TRY(make_docker_manifest(images, manifests));
      TRY(add_file("manifest.json", manifest));
    }
    for (const auto& item : images) {
      if (item.index) {
        TRY(add_blob(item.index->digest));
        for (const auto& blob : item.index->blobs) TRY(add_blob(blob));
      }
      for (const auto& image : parts_of(item)) {
        TRY(add_blob(image.manifest));
        TRY(add_blob(image.id));
      }
    }
    for (const auto& item : images) {
      for (const auto& image : parts_of(item)) TRY(add_layers(image));
    }
    return tar_.finish();
  }

 private:
  static std::string blob_path(const oci::Digest& digest) { return "blobs/sha256/" + digest.hex(); }

  static std::vector<store::Image> parts_of(const ArchiveImage& item) {
    return item.index ? item.index->images : std::vector{item.image};
  }

  Result<void> add_layers(const store::Image& image) {
    const std::string text = TRY(store_->blobs().read(image.manifest));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text));
    const oci::ImageConfig config = TRY(store_->images().config(image));
    for (std::size_t k = 0; k < config.diff_ids.size(); ++k)
      TRY(add_layer(config.diff_ids[k], manifest.layers.at(k)));
    return {};
  }

  Result<void> add_directory(const std::string& path) {
    archive::TarEntry entry;
    entry.type = archive::EntryType::directory;
    entry.path = path;
    entry.mode = 0755;
    return tar_.add(entry);
  }

  Result<void> add_file(const std::string& path, std::string_view content) {
    archive::TarEntry entry;
    entry.path = path;
    entry.mode = 0644;
    entry.size = content.size();
    return tar_.add(entry, content);
  }

  Result<void> add_blob(const oci::Digest& digest) {
    if (!written_.insert(digest).second) return {};
    const std::string content = TRY(store_->blobs().read(digest));
    return add_file(blob_path(digest), content);
  }

  Result<void> add_layer(const oci::DiffId& id, const oci::Descriptor& descriptor) {
    if (!written_.insert(descriptor.digest).second) return {};
    const store::LayerInfo layer = TRY(store_->layers().get(id));
    archive::TarEntry entry;
    entry.path = blob_path(descriptor.digest);
    entry.mode = 0644;
    // A layer that was pulled goes on as it came.
    const bool as_it_came = descriptor.digest.hex() != id.hex();
    entry.size = as_it_came ? descriptor.size : layer.tar_size;
    TRY(tar_.begin(entry));
    archive::TarContentSink content(tar_);
    if (!as_it_came) return snapshot::write_layer_tar(*store_, layer, content);
    const os::Fd fd = TRY(store_->blobs().open(descriptor.digest));
    archive::FdSource file(fd, "blob " + descriptor.digest.str());
    snapshot::HashingSource hashed(file);
    TRY(archive::copy_all(hashed, content));
    if (oci::Digest(hashed.finish()) != descriptor.digest)
      return corrupt("blob " + descriptor.digest.str() + " in the store is damaged");
    return {};
  }

  Result<std::string> make_index(const std::vector<ArchiveImage>& images) {
    oci::Index index;
    for (const auto& item : images) {
      oci::Descriptor descriptor;
      if (item.index) {
        descriptor.media_type = item.index->content.media_type;
        descriptor.digest = item.index->digest;
        descriptor.size = item.index->size;
      } else {
        const std::string manifest = TRY(store_->blobs().read(item.image.manifest));
        descriptor.media_type = oci::media_type::kOciManifest;
        descriptor.digest = item.image.manifest;
        descriptor.size = manifest.size();
      }
      if (item.names.empty()) index.manifests.push_back(descriptor);
      for (const auto& name : item.names) {
        const oci::Reference reference = TRY(oci::Reference::parse(name));
        descriptor.annotations = {
            {"io.containerd.image.name", name},
            {"org.opencontainers.image.ref.name", reference.tag().value_or("latest")}};
        index.manifests.push_back(descriptor);
      }
    }
    return index.to_json();
  }

  static Result<std::string> make_docker_manifest(const std::vector<ArchiveImage>& images,
                                                  const std::vector<oci::Manifest>& manifests) {
    json list = json::array();
    for (std::size_t i = 0; i < images.size(); ++i) {
      json tags = json::array();
      for (const auto& name : images[i].names) {
        const oci::Reference reference = TRY(oci::Reference::parse(name));
        tags.push_back(reference.familiar());
      }
      json layers = json::array();
      for (const auto& layer : manifests[i].layers) layers.push_back(blob_path(layer.digest));
      list.push_back({{"Config", blob_path(images[i].image.id)},
                      {"RepoTags", tags.empty() ? json() : tags},
                      {"Layers", std::move(layers)}});
    }
    return dump_json(list);
  }

  store::Store* store_;
  archive::TarWriter tar_;
  std::set<oci::Digest> written_;
};

}  // namespace

Result<void> write_image_archive(store::Store& store, const std::vector<ArchiveImage>& images,
                                 ArchiveFormat format, archive::ByteSink& sink) {
  return ArchiveWriter(store, sink).write(images, format);
}

}  // namespace kiln::exporter
