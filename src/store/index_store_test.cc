// SPDX-License-Identifier: Apache-2.0
#include "store/index_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/system.h"
#include "os/test_temp_dir.h"
#include "store/store.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kApp = "docker.io/library/app:latest";

oci::Reference named(std::string_view text) { return must(oci::Reference::parse(text)); }

class IndexStoreTest : public ::testing::Test {
 protected:
  /// An image of one platform, as an entry of an index.
  oci::Descriptor add(const std::string& architecture, const std::string& variant = "") {
    oci::ImageConfig config;
    config.platform = {"linux", architecture, variant};
    oci::Manifest manifest;
    manifest.config = {std::string(oci::media_type::kOciConfig),
                       oci::Digest::of(config.to_json()),
                       config.to_json().size(),
                       {},
                       {}};
    const Image image =
        must(store_.images().put_with_manifest(config.to_json(), manifest.to_json(), {}));
    present_.push_back({image.manifest, image.id});
    return entry(manifest.to_json(), config.platform);
  }
  static oci::Descriptor entry(const std::string& text, const oci::Platform& platform) {
    oci::Descriptor out;
    out.media_type = oci::media_type::kOciManifest;
    out.digest = oci::Digest::of(text);
    out.size = text.size();
    out.platform = platform;
    return out;
  }
  StoredIndex put(std::vector<oci::Descriptor> manifests, const std::vector<const char*>& names,
                  const std::vector<oci::Digest>& blobs = {}) {
    oci::Index index;
    index.manifests = std::move(manifests);
    std::vector<oci::Reference> references;
    for (const char* text : names) references.push_back(named(text));
    return must(store_.indexes().put(index.to_json(), present_, blobs, references));
  }
  Image get(const std::string& text) { return must(store_.images().get(text)); }
  std::size_t image_count() { return must(store_.images().list()).size(); }

  const std::string own_ = os::go_architecture();
  const std::string other_ = own_ == "s390x" ? "riscv64" : "s390x";
  TempDir top_;
  Store store_ = must(Store::open(top_.path("store")));
  std::vector<IndexedImage> present_;
};

TEST_F(IndexStoreTest, NameLeadsToThisMachinesImage) {
  const auto foreign = add(other_), ours = add(own_);
  const auto index = put({foreign, ours}, {"app"});
  EXPECT_EQ(index.images.size(), 2u);
  EXPECT_THAT(index.names, ElementsAre(kApp));
  EXPECT_TRUE(index.is_complete());
  const Image image = get("app");
  EXPECT_EQ(image.manifest, ours.digest);
  EXPECT_EQ(image.index, index.digest);
  EXPECT_THAT(image.names, ElementsAre(kApp));
}

TEST_F(IndexStoreTest, PlatformThatComesLaterIsAdded) {
  const auto foreign = add(other_), ours = add(own_);
  const std::vector<IndexedImage> both = present_;
  present_ = {both[0]};
  auto index = put({foreign, ours}, {"app"});
  EXPECT_FALSE(index.is_complete());
  EXPECT_EQ(get("app").manifest, foreign.digest);
  present_ = {both[1]};
  index = put({foreign, ours}, {});
  EXPECT_TRUE(index.is_complete());
  EXPECT_EQ(get("app").manifest, ours.digest);
  EXPECT_THAT(index.names, ElementsAre(kApp));
}

TEST_F(IndexStoreTest, IsFoundByDigestAndItsBeginning) {
  const auto foreign = add(other_), ours = add(own_);
  const auto index = put({foreign, ours}, {"app"});
  for (const std::string& text :
       {index.digest.str(), index.digest.hex().substr(0, 12), "app@" + index.digest.str()}) {
    const Image image = get(text);
    EXPECT_EQ(image.index, index.digest) << text;
    EXPECT_EQ(image.manifest, ours.digest) << text;
  }
  const Image one = get("app@" + foreign.digest.str());
  EXPECT_EQ(one.manifest, foreign.digest);
  EXPECT_FALSE(one.index);
}

TEST_F(IndexStoreTest, FindsTheImageOfAPlatform) {
  const auto v6 = add("arm", "v6"), v7 = add("arm", "v7");
  put({v6, v7}, {"app"});
  const auto find = [&](const char* variant) {
    return must(store_.indexes().find_image("app", {"linux", "arm", variant}));
  };
  EXPECT_EQ(find("v7")->manifest, v7.digest);
  EXPECT_EQ(find("v6")->manifest, v6.digest);
  EXPECT_FALSE(find("v5"));
  EXPECT_FALSE(must(store_.indexes().find_image("app", {"linux", "ppc64le", {}})));
}

TEST_F(IndexStoreTest, IndexGoesWithItsLastImage) {
  const oci::Digest statement = must(store_.blobs().put("statement"));
  const auto foreign = add(other_), ours = add(own_);
  const auto index = put({foreign, ours}, {"app"}, {statement});
  must(store_.images().remove(get("app")));
  EXPECT_EQ(get("app").manifest, foreign.digest);
  EXPECT_TRUE(store_.blobs().has(index.digest));
  EXPECT_FALSE(store_.blobs().has(ours.digest));
  must(store_.images().remove(get("app")));
  EXPECT_FALSE(must(store_.images().find("app")));
  for (const auto& blob : {index.digest, foreign.digest, statement})
    EXPECT_FALSE(store_.blobs().has(blob));
}

TEST_F(IndexStoreTest, ImagesThatAreHeldElsewhereStayWhenItGoes) {
  const auto foreign = add(other_), ours = add(own_);
  const auto index = put({foreign, ours}, {"app"});
  Image own = get("app");
  own.index.reset();
  must(store_.images().tag(own, named("mine")));
  const auto unneeded = must(store_.indexes().only_here(index));
  ASSERT_EQ(unneeded.size(), 1u);
  EXPECT_EQ(unneeded[0].manifest, foreign.digest);
  must(store_.indexes().remove(index));
  EXPECT_FALSE(must(store_.images().find("app")));
  EXPECT_EQ(get("mine").manifest, ours.digest);
  EXPECT_TRUE(store_.blobs().has(ours.digest));
  EXPECT_FALSE(store_.blobs().has(index.digest));
}

TEST_F(IndexStoreTest, TagNamesTheIndexToo) {
  const auto foreign = add(other_), ours = add(own_);
  const auto index = put({foreign, ours}, {"app"});
  must(store_.images().tag(get("app"), named("again:2")));
  EXPECT_EQ(get("again:2").index, index.digest);
  EXPECT_EQ(must(store_.indexes().find(index.digest))->names.size(), 2u);
}

TEST_F(IndexStoreTest, OfANameThatMovesOnTheImagesHaveNone) {
  const auto foreign = add(other_), ours = add(own_);
  const auto first = put({foreign, ours}, {"app"});
  EXPECT_TRUE(must(store_.images().is_in_named_index(first.images[0])));
  must(store_.images().put(oci::ImageConfig().to_json(), {named("app")}));
  EXPECT_FALSE(get("app").index);
  const auto again = must(store_.indexes().find(first.digest));
  ASSERT_TRUE(again);
  for (const auto& image : again->images) {
    EXPECT_THAT(image.names, IsEmpty());
    EXPECT_FALSE(must(store_.images().is_in_named_index(image)));
  }
  EXPECT_EQ(image_count(), 3u);
}

TEST_F(IndexStoreTest, ManifestOfAnIndexOutlivesAnotherOfTheSameImage) {
  const auto ours = add(own_);
  const auto index = put({ours}, {"app"});
  const Image image = get("app");
  const std::string config = must(store_.images().config_json(image));
  const std::string manifest = must(store_.blobs().read(image.manifest)) + "\n";
  must(store_.images().put_with_manifest(config, manifest, {named("other")}));
  EXPECT_EQ(get("other").manifest, oci::Digest::of(manifest));
  EXPECT_EQ(get("app").manifest, ours.digest);
  EXPECT_TRUE(store_.blobs().has(ours.digest));
}

}  // namespace
}  // namespace kiln::store
