// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_writer.h"

#include <gmock/gmock.h>

#include "exporter/exporter_test_kit.h"
#include "snapshot/test_tar.h"

namespace kiln::exporter::testing {
namespace {

using ArchiveWriter = ExporterTest;
using snapshot::test::member_paths;
using ::testing::Contains;
using ::testing::Not;

std::string two_files() { return Tar().file("a", "1").file("b", "2", 0755).text(); }

/// A layer that kiln itself would write otherwise: its entries are not in order.
std::string foreign_layer() { return Tar().file("b", "2").file("a", "1").text(); }

TEST_F(ArchiveWriter, LoadedElsewhereAnImageKeepsItsIdManifestAndLayers) {
  const auto image = put_image({two_files(), Tar().file(".wh.a", "").text()}, "app:1");
  for (const auto format : {ArchiveFormat::docker, ArchiveFormat::oci}) {
    const std::string archive = save(*store, {{image, {"docker.io/library/app:1"}}}, format);
    const auto other = open_store(format == ArchiveFormat::docker ? "docker" : "oci");
    const auto loaded = load(*other, archive);
    ASSERT_EQ(loaded.size(), 1u);
    EXPECT_EQ(loaded[0].image.id, image.id);
    EXPECT_EQ(loaded[0].image.manifest, image.manifest);
    EXPECT_EQ(loaded[0].names, std::vector<std::string>{"docker.io/library/app:1"});
    EXPECT_EQ(*other->images().config_json(loaded[0].image), *store->images().config_json(image));
    EXPECT_EQ(save(*other, {{loaded[0].image, {"docker.io/library/app:1"}}}, format), archive);
  }
}

TEST_F(ArchiveWriter, ForeignLayerLeavesAsItCame) {
  const std::string layer = foreign_layer();
  Layout layout;
  const auto manifest = layout.image({layer}, {layer}, oci::media_type::kOciLayer);
  const auto loaded = load(*store, layout.text({manifest}));
  ASSERT_EQ(loaded.size(), 1u);
  const std::string archive = save(*store, {{loaded[0].image, {}}});
  EXPECT_THAT(member_paths(archive), Contains("blobs/sha256/" + oci::DiffId::of(layer).hex()));
  const auto other = open_store("other");
  EXPECT_EQ(load(*other, archive).at(0).image.id, loaded[0].image.id);
}

TEST_F(ArchiveWriter, SameImagesGiveTheSameBytes) {
  const auto image = put_image({two_files()}, "app:1");
  const std::vector<ArchiveImage> images = {{image, {"docker.io/library/app:1"}}};
  EXPECT_EQ(save(*store, images), save(*store, images));
  EXPECT_EQ(save(*store, images, ArchiveFormat::oci), save(*store, images, ArchiveFormat::oci));
}

TEST_F(ArchiveWriter, DockerFormIsBothAndOciFormALayoutAlone) {
  const auto image = put_image({two_files()}, "app:1");
  const auto docker = member_paths(save(*store, {{image, {}}}));
  EXPECT_THAT(docker, Contains("manifest.json"));
  EXPECT_THAT(docker, Contains("index.json"));
  EXPECT_THAT(docker, Contains("oci-layout"));
  EXPECT_THAT(member_paths(save(*store, {{image, {}}}, ArchiveFormat::oci)),
              Not(Contains("manifest.json")));
}

TEST_F(ArchiveWriter, TheIndexSaysOfWhatTypeTheManifestIs) {
  const auto image = put_image({two_files()}, "");
  auto manifest = *oci::Manifest::parse(*store->blobs().read(image.manifest));
  manifest.media_type = oci::media_type::kDockerManifest;
  const auto config = store->images().config_json(image);
  const auto docker = store->images().put_with_manifest(*config, manifest.to_json(), {});
  ASSERT_TRUE(docker.ok());
  const std::string archive = save(*store, {{*docker, {}}});
  EXPECT_THAT(archive, ::testing::HasSubstr("\"digest\":\"" + docker->manifest.str() +
                                            "\",\"mediaType\":\"" + manifest.media_type));
}

TEST_F(ArchiveWriter, WhatTwoImagesShareIsWrittenOnce) {
  const auto one = put_image({two_files()}, "one");
  const auto two = put_image({two_files(), foreign_layer()}, "two");
  auto names = member_paths(save(*store, {{one, {}}, {two, {}}}));
  const auto size = names.size();
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(names.size(), size);
}

TEST_F(ArchiveWriter, DamagedLayerIsNoticedInEitherForm) {
  const std::string text = Tar().file("a", std::string(600'000, 'x')).text();
  const auto image = put_image({text}, "app:1");
  const auto config = store->images().config(image);
  ASSERT_TRUE(config.ok());
  const auto fs = store->layers().open_fs(config->diff_ids.at(0));
  ASSERT_TRUE(fs.ok());
  const std::string file = fs->path() + "/a";
  for (const std::size_t size : {600'000u, 300'000u, 900'000u}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << std::string(size, 'y');
    archive::StringSink sink;
    const auto streamed = write_image_archive(*store, {{image, {}}}, ArchiveFormat::oci, sink);
    ASSERT_FALSE(streamed.ok());
    EXPECT_EQ(streamed.error().kind(), ErrorKind::corrupt) << streamed.error().message();
    const auto fd = os::create_or_truncate_file(folder + "/saved");
    const auto placed =
        write_image_archive(*store, {{image, {}}}, ArchiveFormat::oci, *fd, "archive");
    ASSERT_FALSE(placed.ok());
    EXPECT_EQ(placed.error().kind(), ErrorKind::corrupt) << placed.error().message();
  }
}

TEST_F(ArchiveWriter, EveryNameAndANamelessImageSurvive) {
  const auto one = put_image({two_files()}, "one");
  const auto two = put_image({}, "");
  const std::string archive = save(
      *store, {{one, {"docker.io/library/one:latest", "example.org:5000/x/one:2"}}, {two, {}}});
  const auto other = open_store("other");
  const auto loaded = load(*other, archive);
  ASSERT_EQ(loaded.size(), 2u);
  EXPECT_EQ(loaded[0].names.size(), 2u);
  EXPECT_TRUE(loaded[1].names.empty());
  EXPECT_TRUE(other->images().get("example.org:5000/x/one:2").ok());
}

}  // namespace
}  // namespace kiln::exporter::testing
