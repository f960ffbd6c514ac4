// SPDX-License-Identifier: Apache-2.0
#include "store/image_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "os/test_temp_dir.h"
#include "store/store.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;
using testing::ElementsAre;
using testing::IsEmpty;

oci::Reference name(std::string_view text) { return must(oci::Reference::parse(text)); }

class ImageStoreTest : public ::testing::Test {
 protected:
  oci::DiffId layer(const std::string& text) {
    LayerInfo info;
    info.diff_id = oci::DiffId::of(text);
    info.content_size = text.size();
    must(store_.layers().commit(must(store_.layers().create()), info));
    return info.diff_id;
  }
  static std::string config(const std::vector<oci::DiffId>& layers, const std::string& author = "",
                            const std::string& created = "2024-01-02T03:04:05Z") {
    oci::ImageConfig config;
    config.diff_ids = layers;
    config.author = author;
    config.created = created;
    return config.to_json();
  }
  /// A manifest of that config which says something of its own.
  std::string manifest_of(const std::string& config_json, const std::string& said,
                          const std::vector<oci::Descriptor>& layers = {}) {
    oci::Manifest manifest = must(images().compose_manifest(config_json));
    manifest.annotations["said"] = said;
    if (!layers.empty()) manifest.layers = layers;
    return manifest.to_json();
  }
  oci::Digest manifest_named(const std::string& text) { return must(images().get(text)).manifest; }
  ImageStore& images() { return store_.images(); }

  TempDir top_;
  Store store_ = must(Store::open(top_.path("store")));
};

TEST_F(ImageStoreTest, IdIsTheDigestOfTheConfigsBytes) {
  const std::string json = " " + config({layer("one"), layer("three")}) + "\n";
  const auto image = must(images().put(json, {name("app")}));
  EXPECT_EQ(image.id, oci::Digest::of(json));
  EXPECT_EQ(image.size, 8u);
  EXPECT_THAT(image.names, ElementsAre("docker.io/library/app:latest"));
  EXPECT_EQ(must(images().config_json(image)), json);
  EXPECT_EQ(image.created, 1704164645);
  EXPECT_TRUE(store_.blobs().has(image.manifest));
}

TEST_F(ImageStoreTest, IsFoundByNameIdAndPrefix) {
  const auto image = must(images().put(config({}), {name("app:v1"), name("reg.example/x/y")}));
  const std::string hex = image.id.hex();
  for (const std::string& text :
       {std::string("app:v1"), std::string("docker.io/library/app:v1"),
        std::string("reg.example/x/y:latest"), std::string("reg.example/x/y"), hex, "sha256:" + hex,
        hex.substr(0, 12), "sha256:" + hex.substr(0, 7), "app@" + image.manifest.str()}) {
    const auto found = must(images().find(text));
    ASSERT_TRUE(found.has_value()) << text;
    EXPECT_EQ(found->id, image.id) << text;
  }
  for (const char* text :
       {"app", "app:v2", "other", "", "sha256:", "UPPER", "sha256:zz", "%", "sha256:%"}) {
    const auto found = images().find(text);
    EXPECT_TRUE(!found.ok() || !found->has_value()) << text;
  }
}

TEST_F(ImageStoreTest, AmbiguousPrefixIsInvalid) {
  std::map<char, int> seen;
  char twice = 0;
  for (int i = 0; i < 17 && twice == 0; ++i) {
    const auto image = must(images().put(config({}, std::to_string(i)), {}));
    if (++seen[image.id.hex()[0]] == 2) twice = image.id.hex()[0];
  }
  const auto found = images().find(std::string(1, twice));
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().kind(), ErrorKind::invalid_input);
}

TEST_F(ImageStoreTest, NameThatLooksLikeAnIdIsANameFirst) {
  const auto a = must(images().put(config({}, "a"), {}));
  const auto b = must(images().put(config({}, "b"), {name(a.id.hex().substr(0, 12))}));
  EXPECT_EQ(must(images().get(a.id.hex().substr(0, 12))).id, b.id);
}

TEST_F(ImageStoreTest, MissingImageIsNotFoundInDockersWords) {
  const auto got = images().get("nope");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind(), ErrorKind::not_found);
  EXPECT_EQ(got.error().message(), "No such image: nope:latest");
}

TEST_F(ImageStoreTest, NamesMoveToTheNewImage) {
  const auto a = must(images().put(config({}, "a"), {name("app")}));
  const auto b = must(images().put(config({}, "b"), {name("app")}));
  EXPECT_EQ(must(images().get("app")).id, b.id);
  EXPECT_THAT(must(images().find_by_id(a.id))->names, IsEmpty());
}

TEST_F(ImageStoreTest, PuttingAgainKeepsTheImageAndAddsNames) {
  const auto first = must(images().put(config({}), {name("a")}));
  const auto again = must(images().put(config({}), {name("b")}));
  EXPECT_EQ(first.id, again.id);
  EXPECT_EQ(again.names.size(), 2u);
  EXPECT_EQ(must(images().list()).size(), 1u);
}

TEST_F(ImageStoreTest, MissingLayerIsRefusedAndNothingIsStored) {
  const auto put = images().put(config({oci::DiffId::of("absent")}), {name("app")});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(must(images().list()), IsEmpty());
  EXPECT_FALSE(must(images().find("app")).has_value());
}

TEST_F(ImageStoreTest, LatestIsListedFirst) {
  must(images().put(config({}, "old", "2020-01-01T00:00:00Z"), {}));
  const auto latest = must(images().put(config({}, "new", "2025-01-01T00:00:00Z"), {}));
  must(images().put(config({}, "none", ""), {}));
  const auto all = must(images().list());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].id, latest.id);
  EXPECT_EQ(all[2].created, 0);
}

TEST_F(ImageStoreTest, ANameKeepsItsManifestWhenAnotherOfThatConfigComes) {
  const std::string json = config({});
  const auto one = must(images().put_with_manifest(json, manifest_of(json, "1"), {name("app:1")}));
  const auto two = must(images().put_with_manifest(json, manifest_of(json, "2"), {name("app:2")}));
  EXPECT_EQ(one.id, two.id);
  EXPECT_NE(one.manifest, two.manifest);
  must(images().tag(must(images().get("app:1")), name("app:copy")));
  EXPECT_EQ(manifest_named("app:1"), one.manifest);
  EXPECT_EQ(manifest_named("app:2"), two.manifest);
  EXPECT_EQ(manifest_named("app:copy"), one.manifest);
  EXPECT_EQ(manifest_named("other@" + one.manifest.str()), one.manifest);
  EXPECT_TRUE(store_.blobs().has(one.manifest));
}

TEST_F(ImageStoreTest, AManifestGoesWithItsLastName) {
  const std::string json = config({});
  const auto one = must(images().put_with_manifest(json, manifest_of(json, "1"), {name("app:1")}));
  const auto two = must(images().put_with_manifest(json, manifest_of(json, "2"), {name("app:2")}));
  must(images().tag(one, name("app:copy")));
  must(images().untag(name("app:2")));
  EXPECT_FALSE(store_.blobs().has(two.manifest));
  EXPECT_EQ(manifest_named(one.id.hex()), one.manifest);
  must(images().untag(name("app:1")));
  EXPECT_TRUE(store_.blobs().has(one.manifest));
  const auto three = must(images().put_with_manifest(json, manifest_of(json, "3"), {}));
  must(images().tag(three, name("app:copy")));
  EXPECT_FALSE(store_.blobs().has(one.manifest));
  must(images().remove(three));
  EXPECT_FALSE(store_.blobs().has(three.manifest));
}

TEST_F(ImageStoreTest, ADigestThatWasPulledKeepsItsManifest) {
  const std::string json = config({});
  const auto pull = [&](const std::string& said) {
    const Image image = must(images().put_with_manifest(json, manifest_of(json, said), {}));
    const auto pinned = name("r.io/app@" + image.manifest.str());
    must(store_.distribution().note_image_digest(pinned, image.manifest, image));
    return image.manifest;
  };
  const auto one = pull("1"), two = pull("2");
  EXPECT_EQ(manifest_named("r.io/app@" + one.str()), one);
  EXPECT_EQ(manifest_named("r.io/app@" + two.str()), two);
  EXPECT_TRUE(must(images().untag(name("r.io/app@" + two.str()))));
  EXPECT_FALSE(store_.blobs().has(two));
  EXPECT_EQ(must(images().list()).front().manifest, one);
}

TEST_F(ImageStoreTest, ADigestGoesWithTheLastNameOfItsManifest) {
  const std::string json = config({});
  for (const char* said : {"1", "2"}) {
    const auto tag = name(std::string("r.io/app:") + said);
    const Image image = must(images().put_with_manifest(json, manifest_of(json, said), {tag}));
    must(store_.distribution().note_image_digest(tag, image.manifest, image));
  }
  const auto one = must(images().get("r.io/app:1")), two = must(images().get("r.io/app:2"));
  EXPECT_THAT(must(store_.distribution().digests_of(one)),
              ElementsAre("r.io/app@" + one.manifest.str()));
  must(store_.distribution().note_image_digest(name("r.io/copy"), one.manifest, one));
  must(images().untag(name("r.io/app:1")));
  EXPECT_THAT(must(store_.distribution().image_digests(one.id)),
              ElementsAre("r.io/app@" + two.manifest.str()));
  EXPECT_FALSE(store_.blobs().has(one.manifest));
}

TEST_F(ImageStoreTest, ALayersFormGoesWithTheLastManifestThatHasIt) {
  const auto id = layer("one");
  const std::string json = config({id});
  const auto put = [&](const std::string& form) {
    oci::Descriptor blob;
    blob.media_type = oci::media_type::kOciLayerGzip;
    blob.digest = must(store_.blobs().put(form));
    blob.size = form.size();
    must(store_.distribution().note_layer_blob(id, blob));
    must(images().put_with_manifest(json, manifest_of(json, form, {blob}), {name("app:" + form)}));
    return blob.digest;
  };
  const auto gzip = put("gzip"), zstd = put("zstd");
  must(store_.delete_unused_layers());
  EXPECT_TRUE(store_.blobs().has(gzip));
  must(images().untag(name("app:gzip")));
  must(store_.delete_unused_layers());
  EXPECT_FALSE(store_.blobs().has(gzip));
  EXPECT_TRUE(store_.blobs().has(zstd));
}

TEST_F(ImageStoreTest, AManifestWithAWrongSizeOfALayerThatIsHereIsCorrupt) {
  const std::string json = config({layer("one")});
  const auto refused = [&](const oci::Descriptor& blob) {
    const auto put = images().put_with_manifest(json, manifest_of(json, "it", {blob}), {});
    return !put.ok() && put.error().kind() == ErrorKind::corrupt;
  };
  oci::Descriptor plain = must(images().compose_manifest(json)).layers.at(0);
  EXPECT_FALSE(refused(plain));
  plain.size += 1;
  EXPECT_TRUE(refused(plain));
  oci::Descriptor form = plain;
  form.digest = must(store_.blobs().put("form"));
  form.size = 4;
  EXPECT_FALSE(refused(form));
  form.size = 0;
  EXPECT_TRUE(refused(form));
}

TEST_F(ImageStoreTest, TagsComeAndGo) {
  const auto image = must(images().put(config({}), {}));
  must(images().tag(image, name("app:v1")));
  EXPECT_EQ(must(images().get("app:v1")).id, image.id);
  EXPECT_TRUE(must(images().untag(name("app:v1"))));
  EXPECT_FALSE(must(images().untag(name("app:v1"))));
  EXPECT_FALSE(must(images().find("app:v1")).has_value());
  EXPECT_TRUE(must(images().find_by_id(image.id)).has_value());
}

TEST_F(ImageStoreTest, RemovedImageIsForgottenWithItsNamesAndBlobs) {
  const auto low = layer("low");
  const auto image = must(images().put(config({low}), {name("app")}));
  EXPECT_THAT(must(store_.layers().unused()), IsEmpty());
  must(images().remove(image));
  EXPECT_FALSE(must(images().find("app")).has_value());
  EXPECT_FALSE(must(images().find_by_id(image.id)).has_value());
  EXPECT_FALSE(store_.blobs().has(image.id));
  EXPECT_FALSE(store_.blobs().has(image.manifest));
  EXPECT_THAT(must(store_.layers().unused()), ElementsAre(low));
}

TEST_F(ImageStoreTest, SharedLayerStaysUsedByTheOtherImage) {
  const auto low = layer("low");
  const auto a = must(images().put(config({low}, "a"), {}));
  must(images().put(config({low}, "b"), {}));
  must(images().remove(a));
  EXPECT_THAT(must(store_.layers().unused()), IsEmpty());
}

TEST_F(ImageStoreTest, ThreadsMayTagWhileOthersPut) {
  const auto image = must(images().put(config({}), {}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 15; ++i) {
        const std::string text = "n" + std::to_string(t) + "-" + std::to_string(i);
        if (t % 2 == 0)
          must(images().tag(image, name(text)));
        else
          must(images().put(config({}, text), {name(text)}));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(must(images().find_by_id(image.id))->names.size(), 30u);
  EXPECT_EQ(must(images().list()).size(), 31u);
}

// A tag must not be lost because some other thread's transaction fails.
TEST(ImageStoreThreads, TagOutlivesTheRollbackOfAnotherThread) {
  const TempDir top;
  Store store = must(Store::open(top.path("store")));
  const Database database = must(Database::open(store.paths().database()));
  ImageStore images(database, store.blobs(), store.layers());
  const auto image = must(images.put(oci::ImageConfig().to_json(), {}));
  std::thread tagger;
  {
    const auto transaction = must(database.begin());
    tagger = std::thread([&] { must(images.tag(image, name("app"))); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  tagger.join();
  EXPECT_TRUE(must(images.find("app")).has_value());
}

}  // namespace
}  // namespace kiln::store
