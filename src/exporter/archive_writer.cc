// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_writer.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "archive/fd_stream.h"
#include "archive/stoppable_sink.h"
#include "archive/tar_writer.h"
#include "exporter/layer_workers.h"
#include "oci/layout.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "os/file_io.h"
#include "os/system.h"
#include "snapshot/hashing_source.h"
#include "snapshot/layer_apply.h"

namespace kiln::exporter {
namespace {

/// A layer that was pulled goes on as it came.
bool is_as_it_came(const store::LayerInfo& layer, const oci::Descriptor& descriptor) {
  return descriptor.digest.hex() != layer.diff_id.hex();
}

/// Takes so many bytes, neither more nor fewer: what a damaged layer gives is not let through.
class ExactSink final : public archive::ByteSink {
 public:
  ExactSink(archive::ByteSink& next, std::uint64_t size) : next_(&next), left_(size) {}
  Result<void> write(archive::Bytes data) override {
    if (data.size() > left_) return corrupt("it is larger than it was");
    left_ -= data.size();
    return next_->write(data);
  }
  bool is_full() const { return left_ == 0; }

 private:
  archive::ByteSink* next_;
  std::uint64_t left_;
};

std::uint64_t size_in_archive(const store::LayerInfo& layer, const oci::Descriptor& descriptor) {
  return is_as_it_came(layer, descriptor) ? descriptor.size : layer.tar_size;
}

Result<void> copy_blob(store::Store& store, const oci::Digest& digest, archive::ByteSink& sink) {
  const auto file = TRY(store.blobs().open_source(digest));
  snapshot::HashingSource hashed(*file);
  TRY(archive::copy_all(hashed, sink));
  if (oci::Digest(hashed.finish()) != digest)
    return corrupt("blob " + digest.str() + " in the store is damaged");
  return {};
}

Result<void> write_layer(store::Store& store, const store::LayerInfo& layer,
                         const oci::Descriptor& descriptor, archive::ByteSink& content) {
  ExactSink sink(content, size_in_archive(layer, descriptor));
  const bool as_it_came = is_as_it_came(layer, descriptor);
  TRY((as_it_came ? copy_blob(store, descriptor.digest, sink)
                  : snapshot::write_layer_tar(store, layer, sink))
          .context("layer " + layer.diff_id.str() + " in the store"));
  if (sink.is_full()) return {};
  return corrupt("layer " + layer.diff_id.str() + " in the store is smaller than it is said to be");
}

/// A place in a file, and on from there.
class FilePlace final : public archive::ByteSink {
 public:
  FilePlace(const os::Fd& file, std::string name, std::uint64_t at)
      : file_(&file), name_(std::move(name)), at_(at) {}
  Result<void> write(archive::Bytes data) override {
    TRY(os::write_at(*file_, data, at_, name_));
    at_ += data.size();
    return {};
  }
  std::uint64_t position() const { return at_; }
  void skip(std::uint64_t size) { at_ += size; }

 private:
  const os::Fd* file_;
  std::string name_;
  std::uint64_t at_;
};

/// A manifest as the store has it.
struct StoredManifest {
  oci::Descriptor descriptor;
  std::vector<oci::Descriptor> layers;
};

Result<StoredManifest> read_manifest(store::Store& store, const oci::Digest& digest) {
  const std::string text = TRY(store.blobs().read(digest));
  oci::Manifest manifest = TRY(oci::Manifest::parse(text));
  StoredManifest out;
  out.descriptor.media_type = manifest.media_type;
  out.descriptor.digest = digest;
  out.descriptor.size = text.size();
  out.layers = std::move(manifest.layers);
  return out;
}

class ArchiveWriter {
 public:
  ArchiveWriter(store::Store& store, archive::ByteSink& sink) : store_(&store), tar_(sink) {}
  /// Leaves out the layers' content, for which it notes the place.
  ArchiveWriter(store::Store& store, FilePlace& file) : store_(&store), tar_(file), file_(&file) {}

  /// Content of a layer, which has a place in a file.
  struct LayerPlace {
    store::LayerInfo layer;
    oci::Descriptor descriptor;
    std::uint64_t offset, size;
  };
  const std::vector<LayerPlace>& places() const { return places_; }

  Result<void> write(const std::vector<ArchiveImage>& images, ArchiveFormat format) {
    TRY(read_manifests(images));
    TRY(add_directory("blobs"));
    TRY(add_directory("blobs/sha256"));
    TRY(add_file("oci-layout", oci::kLayoutMark));
    const std::string index = TRY(make_index(images));
    TRY(add_file("index.json", index));
    if (format == ArchiveFormat::docker) {
      const std::string manifest = TRY(make_docker_manifest(images));
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
  static std::vector<store::Image> parts_of(const ArchiveImage& item) {
    return item.index ? item.index->images : std::vector{item.image};
  }

  Result<void> read_manifests(const std::vector<ArchiveImage>& images) {
    for (const auto& item : images) {
      std::vector<store::Image> parts = parts_of(item);
      parts.push_back(item.image);
      for (const auto& image : parts) {
        if (manifests_.contains(image.manifest)) continue;
        StoredManifest manifest = TRY(read_manifest(*store_, image.manifest));
        manifests_.emplace(image.manifest, std::move(manifest));
      }
    }
    return {};
  }

  Result<void> add_layers(const store::Image& image) {
    const std::vector<oci::Descriptor>& layers = manifests_.at(image.manifest).layers;
    const oci::ImageConfig config = TRY(store_->images().config(image));
    for (std::size_t k = 0; k < config.diff_ids.size(); ++k)
      TRY(add_layer(config.diff_ids[k], layers.at(k)));
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
    return add_file(oci::blob_path(digest), content);
  }

  Result<void> add_layer(const oci::DiffId& id, const oci::Descriptor& descriptor) {
    if (!written_.insert(descriptor.digest).second) return {};
    store::LayerInfo layer = TRY(store_->layers().get(id));
    archive::TarEntry entry;
    entry.path = oci::blob_path(descriptor.digest);
    entry.mode = 0644;
    entry.size = size_in_archive(layer, descriptor);
    TRY(tar_.begin(entry));
    if (file_ != nullptr) {
      places_.push_back({std::move(layer), descriptor, file_->position(), entry.size});
      file_->skip(entry.size);
      return tar_.content_passed(entry.size);
    }
    archive::TarContentSink content(tar_);
    return write_layer(*store_, layer, descriptor, content);
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
        descriptor = manifests_.at(item.image.manifest).descriptor;
      }
      if (item.names.empty()) index.manifests.push_back(descriptor);
      for (const auto& name : item.names) {
        const oci::Reference reference = TRY(oci::Reference::parse(name));
        descriptor.annotations = {{oci::kImageName, name},
                                  {oci::kRefName, reference.tag().value_or("latest")}};
        index.manifests.push_back(descriptor);
      }
    }
    return index.to_json();
  }

  Result<std::string> make_docker_manifest(const std::vector<ArchiveImage>& images) const {
    std::vector<oci::DockerArchiveEntry> out;
    for (const auto& item : images) {
      oci::DockerArchiveEntry entry{item.image.id, {}, manifests_.at(item.image.manifest).layers};
      for (const auto& name : item.names) {
        oci::Reference reference = TRY(oci::Reference::parse(name));
        entry.names.push_back(std::move(reference));
      }
      out.push_back(std::move(entry));
    }
    return oci::docker_archive_manifest(out);
  }

  store::Store* store_;
  archive::TarWriter tar_;
  FilePlace* file_ = nullptr;
  std::map<oci::Digest, StoredManifest> manifests_;
  std::vector<LayerPlace> places_;
  std::set<oci::Digest> written_;
};

}  // namespace

Result<void> write_image_archive(store::Store& store, const std::vector<ArchiveImage>& images,
                                 ArchiveFormat format, archive::ByteSink& sink,
                                 const std::stop_token& stop) {
  archive::StoppableSink stoppable(sink, stop);
  return ArchiveWriter(store, stoppable).write(images, format);
}

Result<void> write_image_archive(store::Store& store, const std::vector<ArchiveImage>& images,
                                 ArchiveFormat format, const os::Fd& file, const std::string& name,
                                 const std::stop_token& stop) {
  const os::FileInfo info = TRY(os::file_info(file, name));
  if (info.type != os::FileType::file || info.size > 0) {
    archive::FdSink sink(file, name);
    return write_image_archive(store, images, format, sink, stop);
  }
  FilePlace whole(file, name, 0);
  ArchiveWriter writer(store, whole);
  TRY(writer.write(images, format));
  auto places = writer.places();
  // The longest first, so that none is left over at the end.
  std::ranges::sort(places, std::ranges::greater(), &ArchiveWriter::LayerPlace::size);
  const auto write_one = [&](std::size_t index, const std::stop_token& ours) {
    const auto& place = places[index];
    FilePlace content(file, name, place.offset);
    archive::StoppableSink stoppable(content, ours);
    return write_layer(store, place.layer, place.descriptor, stoppable);
  };
  return for_each_layer(places.size(), os::processor_count(), stop, write_one);
}

}  // namespace kiln::exporter
