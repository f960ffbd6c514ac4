// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <type_traits>

#include "oci/digest.h"
#include "oci/image_config.h"
#include "oci/index_entry.h"
#include "oci/manifest.h"
#include "oci/manifest_json.h"
#include "oci/platform.h"
#include "oci/reference.h"

namespace kiln::oci {
namespace {

TEST(Digest, KindsDoNotMix) {
  static_assert(!std::is_convertible_v<Digest, DiffId>);
  static_assert(!std::is_constructible_v<ChainId, DiffId>);
}

TEST(Digest, ParseRefusesWhatIsNone) {
  const std::string good = Digest::of("").str();
  EXPECT_EQ(Digest::parse(good)->str(), good);
  for (const char* bad :
       {"", "sha256:", "sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "sha256:../../../../../../../../../../../../../../../../../../etc/passwd"})
    EXPECT_FALSE(Digest::parse(bad).ok()) << bad;
}

TEST(ChainId, OfOneLayerIsItsDiffId) {
  const DiffId a = DiffId::of("a"), b = DiffId::of("b");
  EXPECT_EQ(chain_id({a}).str(), a.str());
  EXPECT_EQ(chain_id({a, b}).str(), ChainId::of(a.str() + " " + b.str()).str());
}

struct ReferenceRow {
  const char* text;
  const char* canonical;
  const char* familiar;
};
class ReferenceTest : public testing::TestWithParam<ReferenceRow> {};
TEST_P(ReferenceTest, ParsesAndPrints) {
  const auto reference = Reference::parse(GetParam().text);
  ASSERT_TRUE(reference.ok()) << reference.error().message();
  EXPECT_EQ(reference->with_default_tag().canonical(), GetParam().canonical);
  EXPECT_EQ(reference->with_default_tag().familiar(), GetParam().familiar);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, ReferenceTest,
    testing::Values(
        ReferenceRow{"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        ReferenceRow{"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
        ReferenceRow{"docker.io/library/busybox", "docker.io/library/busybox:latest",
                     "busybox:latest"},
        ReferenceRow{"index.docker.io/library/a", "docker.io/library/a:latest", "a:latest"},
        ReferenceRow{"user/app:v1", "docker.io/user/app:v1", "user/app:v1"},
        ReferenceRow{"localhost/app", "localhost/app:latest", "localhost/app:latest"},
        ReferenceRow{"127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest",
                     "127.0.0.1:5000/a/b:latest"},
        ReferenceRow{"[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"},
        ReferenceRow{"a__b/c-d.e:T_1.2-x", "docker.io/a__b/c-d.e:T_1.2-x", "a__b/c-d.e:T_1.2-x"},
        ReferenceRow{"a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                     "docker.io/library/"
                     "a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                     "a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}));

TEST(Reference, RefusesBadNames) {
  for (const char* bad : {"", "A", "a:", ":a", "a:b:c", "a//b", "a/", "/a", "-a", "a..b", "a@b",
                          "a:.x", "a b", "a@sha256:12", "a___b", "../a", "a\nb"})
    EXPECT_FALSE(Reference::parse(bad).ok()) << bad;
}

TEST(Platform, Normalises) {
  const Platform host{"linux", "amd64", ""};
  const auto text = [&](const char* in) {
    auto parsed = Platform::parse(in, host);
    return parsed.ok() ? parsed->str() : "error";
  };
  EXPECT_EQ(text("linux"), "linux/amd64");
  EXPECT_EQ(text("arm64"), "linux/arm64");
  EXPECT_EQ(text("linux/aarch64"), "linux/arm64");
  EXPECT_EQ(text("linux/arm64/v8"), "linux/arm64");
  EXPECT_EQ(text("linux/arm"), "linux/arm/v7");
  EXPECT_EQ(text("Linux/X86_64"), "linux/amd64");
  EXPECT_EQ(text("wasm"), "linux/wasm");
  EXPECT_EQ(text("wasi/wasm"), "wasi/wasm");
  EXPECT_EQ(text("linux/mips64el/softfloat"), "linux/mips64el/softfloat");
  EXPECT_EQ(text("nonesuch"), "error");
  EXPECT_EQ(text("a/b/c/d"), "error");
  EXPECT_EQ(text("linux/am d"), "error");
  EXPECT_EQ(text("linux/amd64/"), "error");
  EXPECT_EQ(text(""), "error");
}

TEST(ImageConfig, RoundTripsAndTellsEmptyFromAbsent) {
  ImageConfig config;
  config.created = "2024-01-01T00:00:00Z";
  config.platform = {"linux", "arm64", "v8"};
  config.config.env = {"A=1", "B="};
  config.config.entrypoint = std::vector<std::string>{};
  config.config.exposed_ports = {"80/tcp"};
  config.config.labels = {{"k", "v"}};
  config.config.healthcheck = Healthcheck{{"CMD", "true"}, 1, 2, 3, 4, 5};
  config.diff_ids = {DiffId::of("x")};
  config.history = {{"2024-01-01T00:00:00Z", "RUN x", "", "", false},
                    {"", "ENV A=1", "", "", true}};
  const auto again = ImageConfig::parse(config.to_json());
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, config);
  EXPECT_FALSE(again->config.command.has_value());
}

TEST(ImageConfig, RefusesWrongTypes) {
  for (const char* bad :
       {"", "[]", "{\"os\":1}", "{\"config\":[]}", "{\"config\":{\"Env\":\"A\"}}",
        "{\"rootfs\":{\"diff_ids\":[\"sha256:1\"]}}", "{\"history\":[{\"empty_layer\":\"x\"}]}"})
    EXPECT_FALSE(ImageConfig::parse(bad).ok()) << bad;
  EXPECT_FALSE(ImageConfig::parse(std::string(100000, '[')).ok());
}

TEST(ImageConfig, SetEnvReplacesInPlace) {
  std::vector<std::string> env = {"A=1", "AB=2", "C=3"};
  set_env(env, "A", "9");
  set_env(env, "D", "4");
  EXPECT_EQ(env, (std::vector<std::string>{"A=9", "AB=2", "C=3", "D=4"}));
  EXPECT_EQ(find_env(env, "AB"), "2");
  EXPECT_EQ(find_env(env, "B"), std::nullopt);
}

TEST(Manifest, RoundTrips) {
  Manifest manifest;
  manifest.config = {std::string(media_type::kOciConfig), Digest::of("c"), 1, {}, {}};
  manifest.layers = {
      {std::string(media_type::kOciLayerGzip), Digest::of("l"), 9, {}, {{"a", "b"}}}};
  const auto again = Manifest::parse(manifest.to_json());
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again->layers, manifest.layers);
  EXPECT_EQ(Manifest::parse("{\"schemaVersion\":1}").error().kind(), ErrorKind::unsupported);
  EXPECT_FALSE(Manifest::parse("{\"schemaVersion\":2}").ok());
}

TEST(Manifest, IsNothingElse) {
  Manifest manifest;
  manifest.config = {std::string(media_type::kOciConfig), Digest::of("c"), 1, {}, {}};
  auto object = nlohmann::json::parse(manifest.to_json());
  for (const char* member : {"manifests", "fsLayers"}) {
    auto other = object;
    other[member] = nlohmann::json::array();
    EXPECT_EQ(Manifest::parse(other.dump()).error().kind(), ErrorKind::corrupt) << member;
    other[member] = nullptr;
    EXPECT_TRUE(Manifest::parse(other.dump()).ok()) << member;
  }
  EXPECT_FALSE(Manifest::parse("\xEF\xBB\xBF" + manifest.to_json()).ok());
  for (const char* member : {"config", "layers", "fsLayers"}) {
    auto index = nlohmann::json::parse(Index().to_json());
    for (const bool with_type : {true, false}) {
      index[member] = nlohmann::json::object();
      if (!with_type) index.erase("mediaType");
      EXPECT_EQ(Index::parse(index.dump()).error().kind(), ErrorKind::corrupt) << member;
      EXPECT_EQ(FullIndex::parse(index.dump()).error().kind(), ErrorKind::corrupt) << member;
    }
  }
}

TEST(Index, KeepsEntriesThatCannotBeUsed) {
  const std::string digest = Digest::of("x").str();
  const auto index =
      Index::parse(R"({"manifests":[{"digest":"sha512:00","size":1},{"digest":")" + digest +
                   R"(","size":-1},{"digest":")" + digest + R"(","size":1}]})");
  ASSERT_TRUE(index.ok()) << index.error().message();
  ASSERT_EQ(index->manifests.size(), 3U);
  EXPECT_EQ(index->manifests[0].check().error().message(), "invalid digest: sha512:00");
  EXPECT_FALSE(index->manifests[1].check().ok());
  EXPECT_TRUE(index->manifests[2].check().ok());
}

TEST(Manifest, KeepsWhatItDoesNotKnowWhenItIsRewritten) {
  const std::string a = Digest::of("a").str(), b = Digest::of("b").str();
  const std::string text =
      R"({"schemaVersion":2,"artifactType":"t","subject":{"x":1},"config":{"digest":")" + a +
      R"(","size":1,"mediaType":"m","data":"YQ=="},"layers":[{"digest":")" + a +
      R"(","size":1,"mediaType":"m","data":"YQ==","urls":["u"]}]})";
  Manifest manifest = Manifest::parse(text).value();
  manifest.layers[0].digest = Digest::parse(b).value();
  manifest.annotations["k"] = "v";
  auto out = nlohmann::json::parse(rewritten(text, manifest).value());
  EXPECT_EQ(out["artifactType"], "t");
  EXPECT_EQ(out["subject"]["x"], 1);
  EXPECT_EQ(out["annotations"]["k"], "v");
  EXPECT_EQ(out["config"]["data"], "YQ==");
  EXPECT_EQ(out["layers"][0]["urls"][0], "u");
  EXPECT_EQ(out["layers"][0]["digest"], b);
  EXPECT_FALSE(out["layers"][0].contains("data"));
  manifest.media_type = media_type::kDockerManifest;
  out = nlohmann::json::parse(rewritten(text, manifest).value());
  EXPECT_FALSE(out.contains("subject"));
}

TEST(Index, KeepsWhatItDoesNotKnowWhenItIsRewritten) {
  const std::string text = R"({"artifactType":"t","manifests":[{"digest":"sha512:00","size":1},)"
                           R"({"digest":")" +
                           Digest::of("a").str() +
                           R"(","size":1,"platform":{"os":"windows","os.version":"10"}}]})";
  Index index = Index::parse(text).value();
  index.manifests[1].digest = Digest::of("b");
  const auto out = nlohmann::json::parse(rewritten(text, index).value());
  EXPECT_EQ(out["artifactType"], "t");
  EXPECT_EQ(out["manifests"][0]["digest"], "sha512:00");
  EXPECT_EQ(out["manifests"][1]["digest"], Digest::of("b").str());
  EXPECT_EQ(out["manifests"][1]["platform"]["os.version"], "10");
  EXPECT_FALSE(rewritten(R"({"manifests":[]})", index).ok());
}

}  // namespace
}  // namespace kiln::oci
