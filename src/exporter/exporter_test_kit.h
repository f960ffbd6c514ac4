// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "archive/compression.h"
#include "archive/tar_writer.h"
#include "exporter/archive_loader.h"
#include "exporter/archive_writer.h"
#include "os/file_io.h"
#include "os/test_temp_dir.h"
#include "os/user_namespace.h"
#include "snapshot/layer_apply.h"

/// For tests: stores, and archives put together by hand.
namespace kiln::exporter::testing {

namespace fs = std::filesystem;

/// A tar archive in memory.
class Tar {
 public:
  Tar& file(const std::string& path, std::string_view content, std::uint32_t mode = 0644) {
    archive::TarEntry entry;
    entry.path = path;
    entry.mode = mode;
    entry.size = content.size();
    return add(entry, content);
  }
  Tar& symlink(const std::string& path, const std::string& target) {
    archive::TarEntry entry;
    entry.type = archive::EntryType::symlink;
    entry.path = path;
    entry.link_target = target;
    entry.mode = 0777;
    return add(entry, {});
  }
  Tar& add(const archive::TarEntry& entry, std::string_view content) {
    EXPECT_TRUE(writer_.add(entry, content).ok());
    return *this;
  }
  std::string text() {
    EXPECT_TRUE(writer_.finish().ok());
    return sink_.text();
  }

 private:
  archive::StringSink sink_;
  archive::TarWriter writer_{sink_};
};

inline std::string compressed(std::string_view text, archive::Compression kind) {
  archive::StringSink sink;
  const auto out = archive::compress(sink, kind, 6, 1);
  EXPECT_TRUE(out->write(archive::as_bytes(text)).ok());
  EXPECT_TRUE(out->finish().ok());
  return sink.text();
}

inline std::string config_json(const std::vector<std::string>& layer_tars) {
  oci::ImageConfig config;
  config.platform = {"linux", "amd64", {}};
  for (const auto& tar : layer_tars) config.diff_ids.push_back(oci::DiffId::of(tar));
  return config.to_json();
}

class ExporterTest : public ::testing::Test {
 protected:
  ExporterTest() { store = open_store("one"); }
  void SetUp() override {
    static const std::string why = [] {
      const auto entered = os::enter_user_namespace();
      return entered.ok() ? std::string() : entered.error().message();
    }();
    if (!why.empty()) GTEST_SKIP() << "layers can't be made here: " << why;
  }
  std::unique_ptr<store::Store> open_store(const std::string& name) const {
    auto opened = store::Store::open(folder + "/" + name);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message());
    return std::make_unique<store::Store>(*std::move(opened));
  }

  store::Image put_image(const std::vector<std::string>& layer_tars, const std::string& name) {
    oci::ImageConfig config;
    config.platform = {"linux", "amd64", {}};
    config.created = "2024-01-02T03:04:05Z";
    for (const auto& tar : layer_tars) {
      archive::MemorySource source(archive::as_bytes(tar));
      const auto layer = snapshot::import_layer(*store, source);
      EXPECT_TRUE(layer.ok()) << (layer.ok() ? "" : layer.error().message());
      if (layer.ok()) config.diff_ids.push_back(layer->diff_id);
    }
    std::vector<oci::Reference> names;
    if (!name.empty()) names.push_back(*oci::Reference::parse(name));
    const auto image = store->images().put(config.to_json(), names);
    EXPECT_TRUE(image.ok()) << (image.ok() ? "" : image.error().message());
    return image.ok() ? *image : store::Image{};
  }
  std::string save(store::Store& from, const std::vector<ArchiveImage>& images,
                   ArchiveFormat format = ArchiveFormat::docker) {
    archive::StringSink sink;
    const auto done = write_image_archive(from, images, format, sink);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message());
    EXPECT_EQ(save_to_file(from, images, format), sink.text());
    return sink.text();
  }
  std::string save_to_file(store::Store& from, const std::vector<ArchiveImage>& images,
                           ArchiveFormat format) {
    const std::string path = folder + "/saved";
    const auto file = os::create_or_truncate_file(path);
    EXPECT_TRUE(file.ok() && write_image_archive(from, images, format, *file, "archive").ok());
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Result<std::vector<LoadedImage>> try_load(store::Store& into, std::string_view archive) {
    const std::string path = folder + "/archive";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << archive;
    const os::Fd fd = TRY(os::open_for_reading(path));
    return load_image_archive(into, fd, "archive");
  }
  std::vector<LoadedImage> load(store::Store& into, std::string_view archive) {
    auto loaded = try_load(into, archive);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message());
    return loaded.ok() ? *std::move(loaded) : std::vector<LoadedImage>();
  }
  /// Loading fails and leaves no image.
  Error refused(std::string_view archive) {
    auto loaded = try_load(*store, archive);
    const auto images = store->images().list();
    EXPECT_TRUE(images.ok() && images->empty());
    if (!loaded) return std::move(loaded).error();
    ADD_FAILURE() << "loaded";
    return invalid_input("none");
  }

  const os::test::TempDir top_;
  const std::string folder = top_.path();
  std::unique_ptr<store::Store> store;
};

/// An OCI image layout, blob by blob.
class Layout {
 public:
  void file(const std::string& path, std::string_view content) { tar_.file(path, content); }
  oci::Descriptor blob(std::string_view content, std::string_view media_type) {
    oci::Descriptor out;
    out.media_type = media_type;
    out.digest = oci::Digest::of(content);
    out.size = content.size();
    tar_.file("blobs/sha256/" + out.digest.hex(), content);
    return out;
  }
  /// A manifest of layers that are stored as they are given, with diff IDs of `plain`.
  oci::Descriptor image(const std::vector<std::string>& plain,
                        const std::vector<std::string>& stored, std::string_view layer_type) {
    oci::Manifest manifest;
    manifest.config = blob(config_json(plain), oci::media_type::kOciConfig);
    for (const auto& layer : stored) manifest.layers.push_back(blob(layer, layer_type));
    return blob(manifest.to_json(), oci::media_type::kOciManifest);
  }
  oci::Descriptor index(std::vector<oci::Descriptor> manifests) {
    oci::Index out;
    out.manifests = std::move(manifests);
    return blob(out.to_json(), oci::media_type::kOciIndex);
  }
  std::string text(std::vector<oci::Descriptor> manifests) {
    oci::Index top;
    top.manifests = std::move(manifests);
    tar_.file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    tar_.file("index.json", top.to_json());
    return tar_.text();
  }

 private:
  Tar tar_;
};

inline oci::Descriptor with_name(oci::Descriptor descriptor, const std::string& name) {
  descriptor.annotations["io.containerd.image.name"] = name;
  return descriptor;
}

}  // namespace kiln::exporter::testing
