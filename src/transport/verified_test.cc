// SPDX-License-Identifier: Apache-2.0
#include "transport/verified.h"

#include <gtest/gtest.h>

#include "transport/index_part.h"

namespace kiln::transport {
namespace {

oci::Descriptor blob_of(const std::string& text) {
  oci::Descriptor out;
  out.digest = oci::Digest::of(text);
  out.size = text.size();
  return out;
}

Result<void> copied(const std::string& text, const oci::Descriptor& blob, std::string& out) {
  archive::MemorySource source(archive::as_bytes(text));
  archive::StringSink sink;
  auto done = copy_verified(source, blob, sink);
  out = sink.text();
  return done;
}

TEST(Verified, SoundBytesPassAndOthersAreCorrupt) {
  std::string out;
  EXPECT_TRUE(copied("hello", blob_of("hello"), out).ok());
  EXPECT_EQ(out, "hello");
  for (const char* other : {"hellO", "hell", "hello!", ""}) {
    const auto done = copied(other, blob_of("hello"), out);
    ASSERT_FALSE(done.ok()) << other;
    EXPECT_EQ(done.error().kind(), ErrorKind::corrupt);
    EXPECT_NE(done.error().message().find(blob_of("hello").digest.str()), std::string::npos);
  }
}

TEST(Verified, NoMoreThanTheSizeIsWritten) {
  std::string out;
  EXPECT_FALSE(copied(std::string(1 << 20, 'x'), blob_of("x"), out).ok());
  EXPECT_EQ(out, "");
}

TEST(Verified, ASizeOfZeroIsASizeToo) {
  oci::Descriptor blob = blob_of("hello");
  blob.size = 0;
  std::string out;
  EXPECT_FALSE(copied("hello", blob, out).ok());
  EXPECT_EQ(out, "");
  EXPECT_TRUE(copied("", blob_of(""), out).ok());
}

TEST(Verified, ManifestsSayWhatTheyAre) {
  const std::string index = R"({"schemaVersion":2,"manifests":[]})";
  const std::string manifest = R"({"schemaVersion":2,"layers":[]})";
  EXPECT_EQ(describe_manifest(index, "").value().descriptor.media_type, oci::media_type::kOciIndex);
  EXPECT_EQ(describe_manifest(manifest, "").value().descriptor.media_type,
            oci::media_type::kOciManifest);
  EXPECT_EQ(describe_manifest(manifest, std::string(oci::media_type::kDockerManifest))
                .value()
                .descriptor.media_type,
            oci::media_type::kDockerManifest);
  EXPECT_FALSE(describe_manifest(R"({"mediaType":"text/plain"})", "").ok());
  EXPECT_FALSE(describe_manifest("[]", "").ok());
  EXPECT_TRUE(verify_manifest(manifest, blob_of(manifest)).ok());
  EXPECT_FALSE(verify_manifest(manifest, blob_of(index)).ok());
  oci::Descriptor longer = blob_of(manifest);
  ++longer.size;
  EXPECT_FALSE(verify_manifest(manifest, longer).ok());
  longer.size = 0;
  EXPECT_FALSE(verify_manifest(manifest, longer).ok());
}

TEST(IndexPart, PlatformsAreReadOfConfigs) {
  const auto platform =
      platform_of_config(
          R"({"architecture":"arm","os":"linux","variant":"v7","os.version":"1","os.features":["a"]})")
          .value();
  EXPECT_EQ(platform.simple().str(), "linux/arm/v7");
  EXPECT_EQ(platform.os_version, "1");
  EXPECT_EQ(platform.os_features, std::vector<std::string>{"a"});
  EXPECT_FALSE(platform_of_config("[]").ok());
  EXPECT_FALSE(platform_of_config(R"({"os":1})").ok());
}

}  // namespace
}  // namespace kiln::transport
