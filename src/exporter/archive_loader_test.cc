// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_loader.h"

#include <gmock/gmock.h>

#include <thread>

#include "base/json.h"
#include "exporter/exporter_test_kit.h"
#include "oci/layout.h"
#include "os/fd.h"
#include "os/system.h"

namespace kiln::exporter::testing {
namespace {

using ArchiveLoader = ExporterTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string layer(const std::string& content = "1") { return Tar().file("a", content).text(); }

/// docker save's form with one image of `layers`, each in a member of that name.
std::string docker_archive(const std::vector<std::pair<std::string, std::string>>& layers,
                           const std::vector<std::string>& diff_ids_of) {
  Tar tar;
  nlohmann::json names = nlohmann::json::array();
  for (const auto& [name, content] : layers) {
    tar.file(name, content);
    names.push_back(name);
  }
  tar.file("config.json", config_json(diff_ids_of));
  const nlohmann::json list = {
      {{"Config", "config.json"}, {"RepoTags", {"app:1"}}, {"Layers", names}}};
  return tar.file("manifest.json", list.dump()).text();
}
std::string manifest_only(std::string_view manifest) {
  return Tar().file("config.json", config_json({})).file("manifest.json", manifest).text();
}

TEST_F(ArchiveLoader, NamesLongerThanAnyImagesAreNotKept) {
  Tar tar;
  tar.file("manifest.json", "[]");
  for (int i = 0; i < 300; ++i) tar.file(std::string(60'000, 'a') + std::to_string(i), "");
  EXPECT_TRUE(load(*store, tar.text()).empty());
}

TEST_F(ArchiveLoader, ArchiveOfTooManyMembersIsCorrupt) {
  Tar tar;
  for (int i = 0; i < 6000; ++i) tar.file(std::string(4000, 'a') + std::to_string(i), "");
  const Error error = refused(tar.text());
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_THAT(error.message(), HasSubstr("more members than any image"));
}

TEST_F(ArchiveLoader, OldDockerFormWithSharedLayersAsSymlinks) {
  const std::string one = layer("1"), two = layer("2");
  const nlohmann::json list = {
      {{"Config", "aa.json"}, {"RepoTags", {"app:1"}}, {"Layers", {"x1/layer.tar"}}},
      {{"Config", "bb.json"},
       {"RepoTags", {"app:2"}},
       {"Layers", {"y1/layer.tar", "y2/layer.tar"}}}};
  const std::string archive = Tar()
                                  .file("aa.json", config_json({one}))
                                  .file("bb.json", config_json({one, two}))
                                  .file("x1/layer.tar", one)
                                  .file("x1/VERSION", "1.0")
                                  .file("x1/json", "{}")
                                  .symlink("y1/layer.tar", "../x1/layer.tar")
                                  .file("y2/layer.tar", two)
                                  .file("repositories", R"({"app":{"1":"x1"}})")
                                  .file("manifest.json", list.dump())
                                  .text();
  const auto loaded = load(*store, archive);
  ASSERT_EQ(loaded.size(), 2u);
  EXPECT_EQ(loaded[0].image.id, oci::Digest::of(config_json({one})));
  EXPECT_THAT(store->images().config(loaded[1].image)->diff_ids,
              ElementsAre(oci::DiffId::of(one), oci::DiffId::of(two)));
  EXPECT_THAT(loaded[1].names, ElementsAre("docker.io/library/app:2"));
}

TEST_F(ArchiveLoader, NullTagsAreAnImageWithoutAName) {
  const auto loaded =
      load(*store, manifest_only(R"([{"Config":"config.json","RepoTags":null,"Layers":null}])"));
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_TRUE(loaded[0].names.empty());
}

TEST_F(ArchiveLoader, CompressedLayersOfALayout) {
  for (const auto& [kind, type] :
       {std::pair(archive::Compression::gzip, oci::media_type::kOciLayerGzip),
        std::pair(archive::Compression::zstd, oci::media_type::kOciLayerZstd)}) {
    const std::string plain = layer(std::string(type));
    Layout layout;
    const auto manifest = layout.image({plain}, {compressed(plain, kind)}, type);
    const auto loaded = load(*store, layout.text({with_name(manifest, "docker.io/library/app:1")}));
    ASSERT_EQ(loaded.size(), 1u);
    EXPECT_THAT(store->images().config(loaded[0].image)->diff_ids,
                ElementsAre(oci::DiffId::of(plain)));
  }
}

/// A layout of one gzipped layer and what is said of it in its index, with docker's list.
std::string with_dockers_list(Layout& layout, const std::vector<oci::Descriptor>& manifests,
                              const std::vector<std::string>& tags) {
  const std::string layer_path =
      oci::blob_path(oci::Digest::of(compressed(layer(), archive::Compression::gzip)));
  const std::string config_path = oci::blob_path(oci::Digest::of(config_json({layer()})));
  const nlohmann::json list = {
      {{"Config", config_path}, {"RepoTags", tags}, {"Layers", {layer_path}}}};
  layout.file("manifest.json", list.dump());
  return layout.text(manifests);
}

oci::Descriptor gzipped_image(Layout& layout, const std::string& said) {
  oci::Manifest manifest;
  manifest.config = layout.blob(config_json({layer()}), oci::media_type::kOciConfig);
  manifest.layers = {
      layout.blob(compressed(layer(), archive::Compression::gzip), oci::media_type::kOciLayerGzip)};
  manifest.annotations["said"] = said;
  return layout.blob(manifest.to_json(), oci::media_type::kOciManifest);
}

TEST_F(ArchiveLoader, AnArchiveWithDockersListKeepsTheManifestsOfItsIndex) {
  Layout layout;
  const auto one = gzipped_image(layout, "one"), two = gzipped_image(layout, "two");
  const auto loaded = load(*store, with_dockers_list(layout,
                                                     {with_name(one, "docker.io/library/app:1"),
                                                      with_name(two, "docker.io/library/app:2")},
                                                     {"app:1", "app:2", "app:3"}));
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded[0].names.size(), 3u);
  EXPECT_EQ(store->images().get("app:1")->manifest, one.digest);
  EXPECT_EQ(store->images().get("app:2")->manifest, two.digest);
  EXPECT_EQ(store->images().get("app:3")->manifest, one.digest);
}

TEST_F(ArchiveLoader, AnImageWithoutANameKeepsItsManifestToo) {
  Layout layout;
  const auto manifest = gzipped_image(layout, "one");
  const auto loaded = load(*store, with_dockers_list(layout, {manifest}, {}));
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded[0].image.manifest, manifest.digest);
}

TEST_F(ArchiveLoader, AnIndexKeepsAllManifestsOfOneConfig) {
  Layout layout;
  const auto one = gzipped_image(layout, "one"), two = gzipped_image(layout, "two");
  ASSERT_EQ(load(*store, layout.text({layout.index({one, two})})).size(), 1u);
  EXPECT_TRUE(store->blobs().has(one.digest) && store->blobs().has(two.digest));
}

TEST_F(ArchiveLoader, SizesThatAreNotThoseOfTheBlobsAreCorrupt) {
  for (const std::uint64_t size : {0, 5, 1'000'000}) {
    Layout layout, of_manifest;
    oci::Manifest manifest;
    manifest.config = layout.blob(config_json({layer()}), oci::media_type::kOciConfig);
    manifest.layers = {layout.blob(compressed(layer(), archive::Compression::gzip),
                                   oci::media_type::kOciLayerGzip)};
    manifest.layers[0].size = size;
    const auto wrong = layout.blob(manifest.to_json(), oci::media_type::kOciManifest);
    EXPECT_EQ(refused(layout.text({wrong})).kind(), ErrorKind::corrupt);
    EXPECT_TRUE(store->distribution().layer_blobs(oci::DiffId::of(layer()))->empty());
    auto entry = gzipped_image(of_manifest, "it");
    entry.size = size;
    EXPECT_EQ(refused(of_manifest.text({entry})).kind(), ErrorKind::corrupt);
  }
}

TEST_F(ArchiveLoader, ArchiveThatIsCompressedAsAWhole) {
  const std::string archive = docker_archive({{"l.tar", layer()}}, {layer()});
  for (const auto kind : {archive::Compression::gzip, archive::Compression::zstd})
    EXPECT_EQ(load(*store, compressed(archive, kind)).size(), 1u);
}

TEST_F(ArchiveLoader, ArchiveFromAPipe) {
  const std::string archive = docker_archive({{"l.tar", layer()}}, {layer()});
  auto pipe = os::create_pipe();
  ASSERT_TRUE(pipe.ok());
  std::jthread writer([&] {
    EXPECT_TRUE(os::write_all(pipe->write_end, archive::as_bytes(archive), "pipe").ok());
    pipe->write_end.reset();
  });
  const auto loaded = load_image_archive(*store, pipe->read_end, "pipe");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  EXPECT_EQ(loaded->size(), 1u);
  EXPECT_TRUE(fs::is_empty(store->workspace().path()));
}

TEST_F(ArchiveLoader, IndexOfIndexesIsFollowedAndNamesHold) {
  Layout layout;
  const auto manifest = layout.image({layer()}, {layer()}, oci::media_type::kOciLayer);
  const auto inner = layout.index({manifest});
  const auto loaded = load(*store, layout.text({with_name(inner, "docker.io/library/app:1")}));
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_THAT(loaded[0].names, ElementsAre("docker.io/library/app:1"));
}

TEST_F(ArchiveLoader, AttestationsAreNoImages) {
  Layout layout;
  const auto manifest = layout.image({layer()}, {layer()}, oci::media_type::kOciLayer);
  auto attestation = layout.blob(R"({"schemaVersion":2})", oci::media_type::kOciManifest);
  attestation.annotations["vnd.docker.reference.type"] = "attestation-manifest";
  EXPECT_EQ(load(*store, layout.text({layout.index({manifest, attestation})})).size(), 1u);
}

TEST_F(ArchiveLoader, PlatformsThatTheArchiveDoesNotHoldAreLeftOut) {
  Layout layout;
  const auto manifest = layout.image({layer()}, {layer()}, oci::media_type::kOciLayer);
  auto absent = manifest;
  absent.digest = oci::Digest::of("absent");
  EXPECT_EQ(load(*store, layout.text({layout.index({absent, manifest})})).size(), 1u);
}

TEST_F(ArchiveLoader, OfSeveralPlatformsTheNameIsThisMachines) {
  const std::string own = os::go_architecture();
  const std::string foreign = own == "s390x" ? "amd64" : "s390x";
  Layout layout;
  std::vector<oci::Descriptor> manifests;
  for (const auto& architecture : {own, foreign}) {
    oci::ImageConfig config;
    config.platform = {"linux", architecture, {}};
    oci::Manifest manifest;
    manifest.config = layout.blob(config.to_json(), oci::media_type::kOciConfig);
    manifests.push_back(layout.blob(manifest.to_json(), oci::media_type::kOciManifest));
    manifests.back().platform = config.platform;
  }
  load(*store, layout.text({with_name(layout.index(manifests), "docker.io/library/app:1")}));
  const auto named = store->images().get("app:1");
  ASSERT_TRUE(named.ok()) << named.error().message();
  EXPECT_EQ(store->images().config(*named)->platform.architecture, own);
}

/// Two platforms with a layer each, gzipped; the second one's is left out with `holds` = 1.
std::string two_platforms(oci::Digest& index_digest, std::size_t holds = 2) {
  Layout layout, elsewhere;
  std::vector<oci::Descriptor> manifests;
  for (const auto& architecture : {"s390x", "riscv64"}) {
    Layout& into = manifests.size() < holds ? layout : elsewhere;
    oci::ImageConfig config;
    config.platform = {"linux", architecture, {}};
    config.diff_ids = {oci::DiffId::of(layer(architecture))};
    oci::Manifest manifest;
    manifest.config = into.blob(config.to_json(), oci::media_type::kOciConfig);
    manifest.layers = {into.blob(compressed(layer(architecture), archive::Compression::gzip),
                                 oci::media_type::kOciLayerGzip)};
    manifests.push_back(into.blob(manifest.to_json(), oci::media_type::kOciManifest));
    manifests.back().platform = config.platform;
  }
  const auto index = layout.index(manifests);
  index_digest = index.digest;
  return layout.text({with_name(index, "docker.io/library/app:1")});
}

TEST_F(ArchiveLoader, IndexOfALayoutIsKeptWithItsBlobs) {
  oci::Digest digest;
  const auto loaded = load(*store, two_platforms(digest));
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded[0].image.index, digest);
  EXPECT_THAT(loaded[0].names, ElementsAre("docker.io/library/app:1"));
  const auto index = store->indexes().find(digest);
  ASSERT_TRUE(index.ok() && *index);
  EXPECT_TRUE((*index)->is_complete());
  for (const auto& image : (*index)->images) {
    const auto manifest = oci::Manifest::parse(*store->blobs().read(image.manifest));
    EXPECT_TRUE(store->blobs().has(manifest->layers.at(0).digest));
  }
}

TEST_F(ArchiveLoader, IndexLeavesAsItCame) {
  oci::Digest digest;
  const auto loaded = load(*store, two_platforms(digest));
  const auto index = store->indexes().find(digest);
  ASSERT_TRUE(index.ok() && *index);
  for (const auto format : {ArchiveFormat::docker, ArchiveFormat::oci}) {
    const std::string archive =
        save(*store, {{loaded.at(0).image, loaded.at(0).names, *index}}, format);
    const auto other = open_store(format == ArchiveFormat::oci ? "oci" : "docker");
    EXPECT_EQ(load(*other, archive).at(0).image.index, digest);
    const auto there = other->indexes().find(digest);
    ASSERT_TRUE(there.ok() && *there);
    EXPECT_EQ((*there)->images.size(), 2u);
  }
}

TEST_F(ArchiveLoader, OnePlatformOfAnIndex) {
  oci::Digest digest;
  const std::string path = folder + "/archive";
  std::ofstream(path, std::ios::binary) << two_platforms(digest);
  const auto load_for = [&](const char* architecture) -> Result<std::vector<LoadedImage>> {
    const os::Fd fd = TRY(os::open_for_reading(path));
    return load_image_archive(*store, fd, "archive",
                              {.platform = oci::Platform{"linux", architecture, {}}});
  };
  const auto absent = load_for("386");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().kind(), ErrorKind::not_found);
  const auto loaded = load_for("riscv64");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  const auto index = store->indexes().find(digest);
  ASSERT_TRUE(index.ok() && *index);
  ASSERT_EQ((*index)->images.size(), 1u);
  EXPECT_EQ(store->images().config((*index)->images[0])->platform.architecture, "riscv64");
}

/// As builders made it whose base image was for another platform.
TEST_F(ArchiveLoader, AnIndexSaysWhatItsImagesAreForWhateverTheirConfigsSay) {
  Layout layout;
  oci::ImageConfig config;
  config.platform = {"linux", "s390x", {}};
  oci::Manifest manifest;
  manifest.config = layout.blob(config.to_json(), oci::media_type::kOciConfig);
  auto entry = layout.blob(manifest.to_json(), oci::media_type::kOciManifest);
  entry.platform = oci::Platform{"linux", "riscv64", {}};
  const std::string path = folder + "/archive";
  std::ofstream(path, std::ios::binary)
      << layout.text({with_name(layout.index({entry}), "docker.io/library/app:1")});
  for (const char* architecture : {"riscv64", "s390x"}) {
    const auto fd = os::open_for_reading(path);
    ASSERT_TRUE(fd.ok());
    const auto loaded = load_image_archive(*store, *fd, "archive",
                                           {.platform = oci::Platform{"linux", architecture, {}}});
    EXPECT_EQ(loaded.ok(), std::string(architecture) == "riscv64");
  }
}

TEST_F(ArchiveLoader, PlatformThatTheArchiveLacksIsNotThere) {
  oci::Digest digest;
  EXPECT_EQ(load(*store, two_platforms(digest, 1)).size(), 1u);
  const auto index = store->indexes().find(digest);
  ASSERT_TRUE(index.ok() && *index);
  EXPECT_EQ((*index)->images.size(), 1u);
  EXPECT_FALSE((*index)->is_complete());
}

TEST_F(ArchiveLoader, BareTagOfALayoutNamesNothing) {
  Layout layout;
  auto manifest = layout.image({layer()}, {layer()}, oci::media_type::kOciLayer);
  manifest.annotations["org.opencontainers.image.ref.name"] = "latest";
  EXPECT_TRUE(load(*store, layout.text({manifest})).at(0).names.empty());
}

// --- what isn't sound

TEST_F(ArchiveLoader, MissingMembersAreCorrupt) {
  Layout layout;
  auto manifest = layout.image({layer()}, {layer()}, oci::media_type::kOciLayer);
  manifest.digest = oci::Digest::of("absent");
  EXPECT_EQ(refused(layout.text({manifest})).kind(), ErrorKind::corrupt);
  EXPECT_EQ(refused(manifest_only(R"([{"Config":"absent.json","RepoTags":["app:1"]}])")).kind(),
            ErrorKind::corrupt);
  const std::string without_layer =
      Tar()
          .file("c", config_json({layer()}))
          .file("manifest.json", R"([{"Config":"c","RepoTags":["app:1"],"Layers":["l.tar"]}])")
          .text();
  EXPECT_EQ(refused(without_layer).kind(), ErrorKind::corrupt);
}

TEST_F(ArchiveLoader, BlobThatIsNotWhatItsDigestSaysIsCorrupt) {
  const std::string config = config_json({});
  oci::Manifest manifest;
  manifest.config.media_type = oci::media_type::kOciConfig;
  manifest.config.digest = oci::Digest::of(config + " ");
  manifest.config.size = config.size();
  oci::Index index;
  oci::Descriptor descriptor;
  descriptor.media_type = oci::media_type::kOciManifest;
  descriptor.digest = oci::Digest::of(manifest.to_json());
  descriptor.size = manifest.to_json().size();
  index.manifests = {with_name(descriptor, "docker.io/library/app:1")};
  const std::string archive =
      Tar()
          .file("blobs/sha256/" + descriptor.digest.hex(), manifest.to_json())
          .file("blobs/sha256/" + manifest.config.digest.hex(), config)
          .file("index.json", index.to_json())
          .text();
  EXPECT_EQ(refused(archive).kind(), ErrorKind::corrupt);
}

TEST_F(ArchiveLoader, LayerBlobThatIsNotWhatItsDigestSaysIsCorrupt) {
  const std::string gzip = compressed(layer(), archive::Compression::gzip);
  const std::string zstd = compressed(layer(), archive::Compression::zstd);
  oci::Manifest manifest;
  oci::Descriptor blob;
  Layout layout;
  manifest.config = layout.blob(config_json({layer()}), oci::media_type::kOciConfig);
  blob.media_type = oci::media_type::kOciLayerGzip;
  blob.digest = oci::Digest::of(gzip);
  blob.size = gzip.size();
  manifest.layers = {blob};
  // The layer is the same, its blob is another.
  layout.file("blobs/sha256/" + blob.digest.hex(), zstd);
  const auto descriptor = layout.blob(manifest.to_json(), oci::media_type::kOciManifest);
  EXPECT_EQ(refused(layout.text({descriptor})).kind(), ErrorKind::corrupt);
}

TEST_F(ArchiveLoader, LayerThatIsNotWhatItsDiffIdSaysIsCorrupt) {
  const Error error = refused(docker_archive({{"l.tar", layer("2")}}, {layer("1")}));
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_FALSE(store->layers().find(oci::DiffId::of(layer("1")))->has_value());
}

TEST_F(ArchiveLoader, LayerCountMustBeTheConfigs) {
  const std::vector<std::pair<std::string, std::string>> one = {{"l.tar", layer()}};
  EXPECT_EQ(refused(docker_archive(one, {layer(), layer("2")})).kind(), ErrorKind::corrupt);
  EXPECT_EQ(refused(docker_archive(one, {})).kind(), ErrorKind::corrupt);
}

TEST_F(ArchiveLoader, NothingIsNamedIfTheLastLayerIsBroken) {
  const Error error = refused(docker_archive({{"1.tar", layer("1")}, {"2.tar", "no tar at all"}},
                                             {layer("1"), layer("2")}));
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_FALSE(store->images().get("app:1").ok());
}

TEST_F(ArchiveLoader, ManifestsOfOtherShapesAreCorrupt) {
  for (const char* manifest :
       {"", "{", "{}", "null", "1", "\"x\"", "[1]", "[null]", "[[]]", "[{}]", R"([{"Config":1}])",
        R"([{"Config":"config.json","Layers":"l"}])", R"([{"Config":"config.json","Layers":[1]}])",
        R"([{"Config":"config.json","RepoTags":"app"}])",
        R"([{"Config":"config.json","RepoTags":[{}]}])", R"([{"Config":["config.json"]}])",
        "\xff\xfe"}) {
    EXPECT_EQ(refused(manifest_only(manifest)).kind(), ErrorKind::corrupt) << manifest;
  }
}

TEST_F(ArchiveLoader, NameThatIsNoneIsRefused) {
  for (const char* tag : {"UPPER", "", "../x", "a b", "app@sha256:1"}) {
    const std::string manifest =
        std::string(R"([{"Config":"config.json","RepoTags":[")") + tag + "\"]}]";
    const auto kind = refused(manifest_only(manifest)).kind();
    EXPECT_TRUE(kind == ErrorKind::corrupt || kind == ErrorKind::invalid_input) << tag;
  }
}

TEST_F(ArchiveLoader, DeepAndHugeManifestsAreRefused) {
  EXPECT_EQ(refused(manifest_only(std::string(1'000'000, '['))).kind(), ErrorKind::corrupt);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(refused(manifest_only(deep)).kind(), ErrorKind::corrupt);
  refused(manifest_only("[" + std::string(5'000'000, ' ') + "]")).kind();
}

TEST_F(ArchiveLoader, LayersCanNotNameFilesOfTheMachine) {
  for (const char* path : {"../../../../etc/passwd", "/etc/passwd", "config.json/../../x", ""}) {
    const std::string manifest =
        std::string(R"([{"Config":"c","RepoTags":["app:1"],"Layers":[")") + path + "\"]}]";
    const std::string archive =
        Tar().file("c", config_json({layer()})).file("manifest.json", manifest).text();
    EXPECT_EQ(refused(archive).kind(), ErrorKind::corrupt) << path;
  }
}

TEST_F(ArchiveLoader, LinksThatLeadOutOrRoundAreNotFollowed) {
  for (const char* target : {"/etc/passwd", "../../../../../../etc/passwd", "l.tar"}) {
    const std::string archive =
        Tar()
            .file("c", config_json({layer()}))
            .symlink("l.tar", target)
            .file("manifest.json", R"([{"Config":"c","RepoTags":["app:1"],"Layers":["l.tar"]}])")
            .text();
    EXPECT_EQ(refused(archive).kind(), ErrorKind::corrupt) << target;
  }
}

TEST_F(ArchiveLoader, IndexThatNestsTooDeeplyIsCorrupt) {
  Layout layout;
  auto top = layout.image({}, {}, oci::media_type::kOciLayer);
  for (int i = 0; i < 50; ++i) top = layout.index({top});
  EXPECT_EQ(refused(layout.text({top})).kind(), ErrorKind::corrupt);
}

TEST_F(ArchiveLoader, WhatIsNoImageArchiveSaysWhatToDo) {
  const Error error = refused(Tar().file("etc/passwd", "x").text());
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_THAT(error.message(), HasSubstr("not an image archive"));
  EXPECT_THAT(error.hint(), HasSubstr("import"));
}

TEST_F(ArchiveLoader, TruncatedArchivesAreCorrupt) {
  const std::string archive = docker_archive({{"l.tar", layer()}}, {layer()});
  const std::string zipped = compressed(archive, archive::Compression::gzip);
  EXPECT_EQ(refused(std::string_view(archive).substr(0, 700)).kind(), ErrorKind::corrupt);
  EXPECT_EQ(refused(std::string_view(zipped).substr(0, zipped.size() / 2)).kind(),
            ErrorKind::corrupt);
  EXPECT_EQ(refused("").kind(), ErrorKind::corrupt);
  EXPECT_EQ(refused("neither tar nor anything").kind(), ErrorKind::corrupt);
}

}  // namespace
}  // namespace kiln::exporter::testing
