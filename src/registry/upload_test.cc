// SPDX-License-Identifier: Apache-2.0
#include "registry/upload.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/repository_fixture.h"

namespace kiln::registry {
namespace {

using os::test::must;
using test::kBase;
using test::kManifest;
using ::testing::HasSubstr;

class UploadTest : public test::RepositoryFixture {};

class TextContent final : public BlobContent {
 public:
  explicit TextContent(std::string text) : text_(std::move(text)) {}
  Result<std::unique_ptr<archive::ByteSource>> open(std::uint64_t offset) override {
    return std::unique_ptr<archive::ByteSource>(std::make_unique<archive::MemorySource>(
        archive::as_bytes(std::string_view(text_).substr(static_cast<std::size_t>(offset)))));
  }
  std::optional<std::uint64_t> size() const override { return text_.size(); }
  Result<oci::Digest> digest() override { return oci::Digest::of(text_); }

 private:
  std::string text_;
};

TEST_F(UploadTest, AnUploadGoesOnWhereTheServerStopped) {
  const std::string uploads = std::string(kBase) + "blobs/uploads/";
  servers_.on("POST " + uploads, {.status = 202, .headers = {{"Location", "/up/1?state=a"}}});
  servers_.on("PATCH https://r.example/up/1?state=a",
              {.error = Error(ErrorKind::interrupted, "connection closed")});
  servers_.on("GET https://r.example/up/1?state=a",
              {.status = 204, .headers = {{"Range", "0-3"}, {"Location", "/up/1?state=b"}}});
  servers_.on("PATCH https://r.example/up/1?state=b",
              {.status = 202, .headers = {{"Location", "/up/1?state=c"}}});
  const std::string digest = oci::Digest::of("0123456789").hex();
  servers_.on("PUT https://r.example/up/1?state=c&digest=sha256%3A" + digest, {.status = 201});
  TextContent content("0123456789");
  must(uploader().upload_blob(content, stop_));
  ASSERT_EQ(servers_.seen.size(), 5U);
  EXPECT_EQ(servers_.seen[3].body, "456789");
}

TEST_F(UploadTest, ABlobThatIsThereHasTheSizeThatItsManifestSays) {
  oci::Descriptor blob;
  blob.digest = oci::Digest::of("x");
  blob.size = 1;
  const std::string head = "HEAD " + (kBase + ("blobs/" + blob.digest.str()));
  auto sender = uploader();
  servers_.on(head, {.headers = {{"Content-Length", "1"}}});
  servers_.on(head, {.headers = {{"Content-Length", "0"}}});
  servers_.on(head, {.headers = {{"Content-Length", "9"}, {"Content-Encoding", "gzip"}}});
  servers_.on(head, {.headers = {{"Content-Length", "2"}}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(must(sender.has_blob(blob, stop_)));
  const auto other = sender.has_blob(blob, stop_);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().kind(), ErrorKind::corrupt);
  EXPECT_THAT(other.error().message(), HasSubstr("2 bytes"));
}

TEST_F(UploadTest, AnUploadThatGoesOnByteByByteIsGivenUp) {
  servers_.on(std::string("POST ") + kBase + "blobs/uploads/",
              {.status = 202, .headers = {{"Location", "/up/1"}}});
  const std::string patch = "PATCH https://r.example/up/1";
  servers_.on(patch, {.error = Error(ErrorKind::interrupted, "connection closed")});
  for (int last = 1; last < 20; ++last) {
    servers_.on(
        "GET https://r.example/up/1",
        {.status = 204, .headers = {{"Range", fmt::format("0-{}", last)}, {"Location", "/up/1"}}});
  }
  TextContent content(std::string(100, 'x'));
  const auto failed = uploader().upload_blob(content, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("connection closed (tried 6 times)"));
}

TEST_F(UploadTest, ARedirectGetsTheWholeBody) {
  const std::string uploads = std::string(kBase) + "blobs/uploads/";
  servers_.on("POST " + uploads, {.status = 202,
                                  .headers = {{"Location", "up/1"}},
                                  .from = "https://r.example/moved/uploads/"});
  servers_.on("PATCH https://r.example/moved/uploads/up/1",
              {.status = 202, .from = "https://r.example/up/1"});
  const std::string digest = oci::Digest::of("0123456789").hex();
  servers_.on("PUT https://r.example/moved/uploads/up/1?digest=sha256%3A" + digest,
              {.status = 201});
  servers_.on("PUT " + (kBase + std::string("manifests/1")),
              {.status = 201, .from = "https://r.example/m"});
  TextContent content("0123456789");
  must(uploader().upload_blob(content, stop_));
  must(uploader().put_manifest("1", "m/t", kManifest, stop_));
  ASSERT_EQ(servers_.seen.size(), 6U);
  EXPECT_EQ(servers_.seen[2].body, "0123456789");
  EXPECT_EQ(servers_.seen[5].body, kManifest);
}

TEST_F(UploadTest, AServerCanNotHaveMoreThanItWasGiven) {
  const std::string uploads = std::string(kBase) + "blobs/uploads/";
  servers_.on("POST " + uploads, {.status = 202, .headers = {{"Location", "/up/1"}}});
  const std::string patch = "PATCH https://r.example/up/1";
  servers_.on(patch, {.error = Error(ErrorKind::interrupted, "connection closed")});
  servers_.on(patch, {.status = 202});
  servers_.on("GET https://r.example/up/1",
              {.status = 204, .headers = {{"Range", "0-99999999999"}, {"Location", "/up/1"}}});
  const std::string digest = oci::Digest::of("0123456789").hex();
  servers_.on("PUT https://r.example/up/1?digest=sha256%3A" + digest, {.status = 201});
  TextContent content("0123456789");
  must(uploader().upload_blob(content, stop_));
  ASSERT_EQ(servers_.seen.size(), 6U);
  EXPECT_EQ(servers_.seen[4].body, "0123456789");
}

TEST_F(UploadTest, AManifestThatTheServerCallsOtherwiseIsNoSuccess) {
  const std::string put = std::string("PUT ") + kBase + "manifests/1";
  servers_.on(
      put, {.status = 201, .headers = {{"Docker-Content-Digest", oci::Digest::of("other").str()}}});
  const auto refused = uploader().put_manifest("1", "application/json", "{}", stop_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind(), ErrorKind::corrupt);
}

TEST_F(UploadTest, AnUploadThatTheServerGotWrongBeginsAgain) {
  const std::string uploads = std::string(kBase) + "blobs/uploads/";
  const auto digest = oci::Digest::of("data");
  servers_.on("POST " + uploads, {.status = 202, .headers = {{"Location", "/up/1"}}});
  servers_.on("PATCH https://r.example/up/1", {.status = 202});
  const std::string put = "PUT https://r.example/up/1?digest=sha256%3A" + digest.hex();
  servers_.on(put, {.status = 400, .body = R"({"errors":[{"code":"DIGEST_INVALID"}]})"});
  servers_.on(put, {.status = 201});
  servers_.on("HEAD " + (kBase + ("blobs/" + digest.str())), {.status = 404});
  TextContent content("data");
  must(uploader().upload_blob(content, stop_));
  EXPECT_EQ(slept_.size(), 1U);
}

TEST_F(UploadTest, AnUploadThatCanNotBeginIsTriedNoOftenerThanAnythingElse) {
  servers_.on(std::string("POST ") + kBase + "blobs/uploads/",
              {.error = Error(ErrorKind::interrupted, "connection reset")});
  TextContent content("content");
  const auto failed = uploader().upload_blob(content, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), ::testing::EndsWith("connection reset (tried 6 times)"));
  EXPECT_EQ(servers_.seen.size(), 6U);
}

TEST_F(UploadTest, WhoMayNotPushIsToldSoAtOnce) {
  servers_.on(std::string("PUT ") + kBase + "manifests/1",
              {.status = 401, .body = R"({"errors":[{"code":"UNAUTHORIZED","message":"no"}]})"});
  servers_.on(std::string("POST ") + kBase + "blobs/uploads/",
              {.status = 202, .headers = {{"Location", "/up/1"}}});
  servers_.on("PATCH https://r.example/up/1", {.status = 401});
  servers_.on("GET https://r.example/up/1", {.status = 404});
  const auto failed = uploader().put_manifest("1", "x/y", "content", stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().kind(), ErrorKind::unauthorized);
  EXPECT_EQ(failed.error().hint(), "log in with: kiln login r.example");
  EXPECT_EQ(servers_.seen.size(), 2U);
  TextContent content("data");
  const auto uploaded = uploader().upload_blob(content, stop_);
  ASSERT_FALSE(uploaded.ok());
  EXPECT_EQ(uploaded.error().kind(), ErrorKind::unauthorized);
  EXPECT_TRUE(slept_.empty());
}

TEST_F(UploadTest, AnUploadWithoutAPlaceIsAskedForAgain) {
  servers_.on(std::string("POST ") + kBase + "blobs/uploads/", {.status = 202});
  servers_.on(std::string("POST ") + kBase + "blobs/uploads/",
              {.status = 202, .headers = {{"Location", "/up/1"}}});
  servers_.on("PATCH https://r.example/up/1", {.status = 202});
  servers_.on("PUT https://r.example/up/1?digest=sha256%3A" + oci::Digest::of("data").hex(),
              {.status = 201});
  TextContent content("data");
  must(uploader().upload_blob(content, stop_));
  EXPECT_EQ(slept_.size(), 1U);
}

TEST_F(UploadTest, ABlobThatIsTooLargeForTheServerIsAClearError) {
  servers_.on("POST " + std::string(kBase) + "blobs/uploads/",
              {.status = 202, .headers = {{"Location", "/up/1"}}});
  servers_.on("PATCH https://r.example/up/1", {.status = 413, .body = "<html>"});
  TextContent content("data");
  const auto failed = uploader().upload_blob(content, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("413 Request Entity Too Large"));
  EXPECT_TRUE(slept_.empty());
}

TEST_F(UploadTest, CredentialsAreNotSentToAnUploadElsewhere) {
  with_credentials_ = true;
  const net::HttpHeaders challenge = {{"WWW-Authenticate", R"(Basic realm="r")"}};
  const std::string uploads = std::string(kBase) + "blobs/uploads/";
  servers_.on("POST " + uploads, {.status = 401, .headers = challenge});
  servers_.on("POST " + uploads,
              {.status = 202, .headers = {{"Location", "https://s.example/up"}}});
  servers_.on("PATCH https://s.example/up", {.status = 202});
  servers_.on("PUT https://s.example/up?digest=sha256%3A" + oci::Digest::of("data").hex(),
              {.status = 201});
  TextContent content("data");
  must(uploader().upload_blob(content, stop_));
  for (const auto& seen : servers_.seen) {
    EXPECT_EQ(seen.url.starts_with("https://s.example") && !seen.authorization.empty(), false);
  }
}

TEST_F(UploadTest, AMountIsTakenOrNot) {
  const std::string digest = oci::Digest::of("x").str();
  const std::string url = std::string(kBase) + "blobs/uploads/?mount=sha256%3A" +
                          oci::Digest::of("x").hex() + "&from=other%2Fapp";
  servers_.on("POST " + url, {.status = 201});
  servers_.on("POST " + url, {.status = 202, .headers = {{"Location", "/up"}}});
  auto sender = uploader();
  EXPECT_TRUE(must(sender.mount_blob(oci::Digest::of("x"), "other/app", stop_)));
  EXPECT_FALSE(must(sender.mount_blob(oci::Digest::of("x"), "other/app", stop_)));
}

TEST_F(UploadTest, AMountForWhichNoTokenIsGivenIsNone) {
  const net::HttpHeaders challenge = {{"WWW-Authenticate", R"(Bearer realm="https://t.example/")"}};
  const std::string mount = std::string("POST ") + kBase + "blobs/uploads/?mount=sha256%3A" +
                            oci::Digest::of("x").hex() + "&from=other%2Fapp";
  servers_.on(mount, {.status = 401, .headers = challenge});
  const std::string own = "scope=repository%3Ateam%2Fapp%3Apull%2Cpush";
  servers_.on("GET https://t.example/?scope=repository%3Aother%2Fapp%3Apull&" + own,
              {.status = 403, .body = R"({"errors":[{"code":"DENIED","message":"no scope"}]})"});
  servers_.on("GET https://t.example/?" + own, {.body = R"({"token":"T1"})"});
  servers_.on("HEAD " + (kBase + ("blobs/" + oci::Digest::of("x").str())), {.status = 404});
  auto sender = uploader();
  EXPECT_FALSE(must(sender.mount_blob(oci::Digest::of("x"), "other/app", stop_)));
  EXPECT_FALSE(must(sender.has_blob(oci::Digest::of("x"), stop_)));
  EXPECT_EQ(servers_.seen.back().authorization, "Bearer T1");
}

TEST(Host, WithoutTlsOnlyOnThisMachine) {
  test::FakeServers servers;
  servers.on("GET http://localhost:5/v2/a/manifests/latest", {.body = kManifest});
  servers.on("GET http://r.example/v2/a/manifests/latest", {.body = kManifest});
  Registries registries(test::fake_options(servers));
  const auto near = must(oci::Reference::parse("localhost:5/a"));
  auto repository = must(Repository::open(registries, near, Purpose::pull_tag));
  EXPECT_TRUE(repository.fetch_manifest(near, {}).ok());
  const auto far = must(oci::Reference::parse("r.example/a"));
  repository = must(Repository::open(registries, far, Purpose::pull_tag));
  EXPECT_FALSE(repository.fetch_manifest(far, {}).ok());
}

}  // namespace
}  // namespace kiln::registry
