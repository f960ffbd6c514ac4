// SPDX-License-Identifier: Apache-2.0
#include "store/distribution_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/test_temp_dir.h"
#include "store/store.h"

namespace kiln::store {
namespace {

using os::test::must;
using ::testing::ElementsAre;

class DistributionIndexTest : public ::testing::Test {
 protected:
  static oci::Reference name(const std::string& text) { return must(oci::Reference::parse(text)); }
  DistributionIndex& index() { return store_.distribution(); }

  os::test::TempDir work_;
  Store store_ = must(Store::open(work_.path("store")));
};

TEST_F(DistributionIndexTest, KnowsTheFormsOfALayer) {
  const auto layer = oci::DiffId::of("layer");
  oci::Descriptor gzip;
  gzip.media_type = oci::media_type::kOciLayerGzip;
  gzip.digest = oci::Digest::of("gzip");
  gzip.size = 4;
  must(index().note_layer_blob(layer, gzip));
  must(index().note_layer_blob(layer, gzip));
  EXPECT_THAT(must(index().layer_blobs(layer)), ElementsAre(gzip));
  EXPECT_TRUE(must(index().layer_blobs(oci::DiffId::of("another"))).empty());
}

TEST_F(DistributionIndexTest, KnowsPlacesOfOneRegistryOnly) {
  const auto blob = oci::Digest::of("blob");
  must(index().note_place(blob, name("r.example/b/app:1")));
  must(index().note_place(blob, name("r.example/a/app:2")));
  must(index().note_place(blob, name("s.example/c/app")));
  EXPECT_THAT(must(index().places(blob, "r.example")), ElementsAre("a/app", "b/app"));
}

TEST_F(DistributionIndexTest, AnImageIsFoundByADigestThatStandsForIt) {
  oci::ImageConfig config;
  config.platform = {"linux", "amd64", {}};
  const Image image = must(store_.images().put(config.to_json(), {name("busybox:1")}));
  const auto digest = oci::Digest::of("an index");
  must(index().note_image_digest(name("busybox:1"), digest, image));
  EXPECT_THAT(must(index().image_digests(image.id)), ElementsAre("busybox@" + digest.str()));
  EXPECT_EQ(must(store_.images().find("busybox@" + digest.str()))->id, image.id);
  EXPECT_FALSE(must(store_.images().find("other@" + digest.str())).has_value());
  must(store_.images().remove(image));
  EXPECT_TRUE(must(index().image_digests(image.id)).empty());
}

TEST_F(DistributionIndexTest, AnImageThatComesWithItsManifestKeepsIt) {
  oci::ImageConfig config;
  config.platform = {"linux", "amd64", {}};
  const std::string json = config.to_json();
  const Image made = must(store_.images().put(json, {}));
  oci::Manifest manifest;
  manifest.config = {std::string(oci::media_type::kDockerConfig), made.id, json.size(), {}, {}};
  manifest.media_type = oci::media_type::kDockerManifest;
  const std::string text = manifest.to_json();
  const Image came = must(store_.images().put_with_manifest(json, text, {}));
  EXPECT_EQ(came.id, made.id);
  EXPECT_EQ(came.manifest, oci::Digest::of(text));
  EXPECT_FALSE(store_.blobs().has(made.manifest));
  // Made here once more, it is still the one that came.
  EXPECT_EQ(must(store_.images().put(json, {})).manifest, came.manifest);
  EXPECT_TRUE(store_.blobs().has(came.manifest));
}

}  // namespace
}  // namespace kiln::store
