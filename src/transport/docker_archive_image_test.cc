// SPDX-License-Identifier: Apache-2.0
#include "transport/docker_archive_image.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "archive/compression.h"
#include "archive/tar_writer.h"
#include "os/file_io.h"
#include "os/test_temp_dir.h"

namespace kiln::transport {
namespace {

using os::test::must;

class DockerArchive : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& content) {
    archive::TarEntry entry;
    entry.path = name;
    entry.mode = 0644;
    entry.size = content.size();
    must(tar_.add(entry, content));
  }
  static std::string gzipped(const std::string& text) {
    archive::StringSink out;
    const auto packed = archive::compress(out, archive::Compression::gzip, 6, 1);
    must(packed->write(archive::as_bytes(text)));
    must(packed->finish());
    return out.text();
  }
  /// An archive of one image with one layer, `member`, whose config says that it is `layer`.
  void add_image(const std::string& layer, const std::string& member) {
    const std::string config =
        nlohmann::json{
            {"architecture", "amd64"},
            {"os", "linux"},
            {"rootfs", {{"type", "layers"}, {"diff_ids", {oci::Digest::of(layer).str()}}}}}
            .dump();
    add("config.json", config);
    add("layer.tar", member);
    add("manifest.json",
        nlohmann::json::array(
            {{{"Config", "config.json"}, {"RepoTags", {"app:1"}}, {"Layers", {"layer.tar"}}}})
            .dump());
  }
  DockerArchiveSource open(const std::string& wanted) {
    must(tar_.finish());
    folder_.write("a.tar", text_.text());
    const os::Fd fd = must(os::open_for_reading(folder_.path("a.tar")));
    auto file = must(exporter::ArchiveFile::open(store_, fd, "a.tar"));
    return {std::make_unique<ArchiveReader>(std::move(file)), wanted, "a.tar"};
  }
  static Result<std::string> layer_of(DockerArchiveSource& source) {
    const auto top = TRY(source.top({}));
    const auto manifest = TRY(oci::Manifest::parse(top.content));
    archive::StringSink sink;
    TRY(source.write_blob(manifest.layers.at(0), sink, {}));
    return sink.text();
  }

  os::test::TempDir folder_;
  store::Store store_ = must(store::Store::open(folder_.path("store")));
  archive::StringSink text_;
  archive::TarWriter tar_{text_};
};

TEST_F(DockerArchive, LayersComePlainWhateverTheyWere) {
  add_image("the layer", gzipped("the layer"));
  auto source = open("app:1");
  EXPECT_EQ(layer_of(source).value(), "the layer");
}

TEST_F(DockerArchive, LayerOfAnotherDiffIdIsCorrupt) {
  add_image("the layer", "another one");
  auto source = open("");
  const auto layer = layer_of(source);
  ASSERT_FALSE(layer.ok());
  EXPECT_EQ(layer.error().kind(), ErrorKind::corrupt);
}

TEST_F(DockerArchive, CompressedLayerOfAnotherDiffIdIsCorrupt) {
  add_image("the layer", gzipped("the layeR"));
  auto source = open("@0");
  EXPECT_FALSE(layer_of(source).ok());
}

TEST_F(DockerArchive, WhatIsNotThereIsNotFound) {
  add_image("x", "x");
  auto source = open("other:1");
  const auto top = source.top({});
  ASSERT_FALSE(top.ok());
  EXPECT_EQ(top.error().kind(), ErrorKind::not_found);
}

TEST_F(DockerArchive, LayersAndDiffIdsMustBeAsMany) {
  add("config.json", R"({"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[]}})");
  add("layer.tar", "x");
  add("manifest.json", R"([{"Config":"config.json","Layers":["layer.tar"]}])");
  auto source = open("");
  const auto top = source.top({});
  ASSERT_FALSE(top.ok());
  EXPECT_EQ(top.error().kind(), ErrorKind::corrupt);
}

}  // namespace
}  // namespace kiln::transport
