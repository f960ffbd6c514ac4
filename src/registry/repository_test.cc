// SPDX-License-Identifier: Apache-2.0
#include "registry/repository.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "registry/fake_transport.h"
#include "registry/upload.h"

namespace kiln::registry {
namespace {

using os::test::must;
using test::Answer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kBase = "https://r.example/v2/team/app/";
const std::string kManifest =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]})";

class RepositoryTest : public ::testing::Test {
 protected:
  RepositoryTest() {
    work_.write("config.json", R"({"auths":{"r.example":{"auth":"bWU6c2VjcmV0"}}})");
  }
  Registries& registries() {
    if (!registries_) {
      CredentialFiles files;
      if (with_credentials_) files.read = {work_.path("config.json")};
      registries_.emplace(test::fake_options(servers_, files, &slept_));
    }
    return *registries_;
  }
  Repository repository() {
    return must(Repository::open(registries(), reference_, Purpose::pull_tag));
  }
  Uploader uploader() { return must(Uploader::open(registries(), reference_)); }
  static std::string get(const std::string& path) { return "GET " + (kBase + path); }

  oci::Descriptor blob(const std::string& content) {
    oci::Descriptor out;
    out.digest = oci::Digest::of(content);
    out.size = content.size();
    return out;
  }

  os::test::TempDir work_;
  bool with_credentials_ = false;
  test::FakeServers servers_;
  std::vector<std::chrono::milliseconds> slept_;
  oci::Reference reference_ = must(oci::Reference::parse("r.example/team/app:1"));
  std::optional<Registries> registries_;
  std::stop_token stop_;
};

TEST_F(RepositoryTest, AManifestIsVerifiedAgainstThePinnedDigest) {
  servers_.on(get("manifests/" + oci::Digest::of(kManifest).str()), {.body = kManifest});
  auto pinned =
      must(oci::Reference::parse("r.example/team/app@" + oci::Digest::of(kManifest).str()));
  EXPECT_EQ(must(repository().fetch_manifest(pinned, stop_)).content, kManifest);

  const std::string other = "sha256:" + std::string(64, 'a');
  servers_.on(get("manifests/" + other), {.body = kManifest});
  pinned = must(oci::Reference::parse("r.example/team/app@" + other));
  const auto wrong = repository().fetch_manifest(pinned, stop_);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().kind(), ErrorKind::corrupt);
  EXPECT_THAT(wrong.error().message(), HasSubstr("has the digest"));
}

TEST_F(RepositoryTest, ABlobGoesOnWhereTheConnectionBroke) {
  const std::string content = "0123456789abcdef";
  const auto descriptor = blob(content);
  const std::string request = get("blobs/" + descriptor.digest.str());
  servers_.on(request, {.body = content, .cut_after = 5});
  servers_.on(request, {.status = 206,
                        .headers = {{"Content-Range", "bytes 5-15/16"}},
                        .body = content.substr(5),
                        .cut_after = 4});
  // This one ignores the range.
  servers_.on(request, {.body = content});
  archive::StringSink sink;
  must(repository().fetch_blob(descriptor, sink, stop_));
  EXPECT_EQ(sink.text(), content);
  ASSERT_EQ(servers_.seen.size(), 3U);
  EXPECT_EQ(servers_.seen[0].range, "");
  EXPECT_EQ(servers_.seen[1].range, "5");
  EXPECT_EQ(servers_.seen[2].range, "9");
  EXPECT_EQ(slept_.size(), 2U);
}

std::string long_content() {
  std::string out;
  while (out.size() < 50'000) out += std::to_string(out.size()) + ",";
  return out;
}

std::vector<std::string> ranges(const test::FakeServers& servers) {
  std::vector<std::string> out;
  for (const auto& seen : servers.seen) out.push_back(seen.range);
  std::ranges::sort(out);
  return out;
}

TEST_F(RepositoryTest, ALongBlobThatComesSlowlyIsFetchedInPiecesAtOnce) {
  const std::string content = long_content();
  const auto descriptor = blob(content);
  const std::string request = get("blobs/" + descriptor.digest.str());
  servers_.on(request, {.headers = {{"Accept-Ranges", "bytes"}}, .body = content});
  servers_.on(request, {.body = content, .cut_after = 1700, .gives_parts = true});
  servers_.on(request, {.status = 503});
  servers_.on(request, {.body = content, .gives_parts = true});
  archive::StringSink sink;
  must(repository().fetch_blob(descriptor, sink, stop_));
  EXPECT_EQ(sink.text(), content);
  const auto asked = ranges(servers_);
  EXPECT_GE(asked.size(), 18u);
  EXPECT_THAT(asked, ::testing::Contains("1000"));
  EXPECT_THAT(asked, ::testing::Contains("49000"));
}

TEST_F(RepositoryTest, AServerThatSendsOtherPartsIsAskedForTheWhole) {
  const std::string content = long_content();
  const auto descriptor = blob(content);
  const std::string request = get("blobs/" + descriptor.digest.str());
  // It says that it gives parts, and does not.
  servers_.on(request, {.headers = {{"Accept-Ranges", "bytes"}}, .body = content});
  archive::StringSink sink;
  must(repository().fetch_blob(descriptor, sink, stop_));
  EXPECT_EQ(sink.text(), content);
}

TEST_F(RepositoryTest, AServerThatPromisesNoPartsIsNotAskedForThem) {
  const std::string content = long_content();
  const auto descriptor = blob(content);
  servers_.on(get("blobs/" + descriptor.digest.str()), {.body = content, .gives_parts = true});
  archive::StringSink sink;
  must(repository().fetch_blob(descriptor, sink, stop_));
  EXPECT_EQ(sink.text(), content);
  EXPECT_EQ(servers_.seen.size(), 1u);
}

TEST_F(RepositoryTest, WrongPiecesAreFound) {
  const std::string content = long_content();
  const auto descriptor = blob(content);
  std::string wrong = content;
  wrong[30'000] ^= 1;
  const std::string request = get("blobs/" + descriptor.digest.str());
  servers_.on(request, {.headers = {{"Accept-Ranges", "bytes"}}, .body = content});
  servers_.on(request, {.body = wrong, .gives_parts = true});
  archive::StringSink sink;
  const auto fetched = repository().fetch_blob(descriptor, sink, stop_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().kind(), ErrorKind::corrupt);
}

TEST(Pieces, OfAFailingSinkOrServerAreAbandoned) {
  class FullSink final : public archive::ByteSink {
    Result<void> write(archive::Bytes) override { return Error(ErrorKind::no_space, "full"); }
  } full;
  const PiecePolicy policy{.patience = {}, .least_rest = 0, .piece = 10, .connections = 3};
  std::atomic<int> asked = 0;
  const FetchPiece fetch = [&](const net::ByteRange& range, std::vector<std::byte>& into,
                               const std::stop_token&) -> Result<void> {
    ++asked;
    into.resize(*range.last - range.first + 1, static_cast<std::byte>(range.first));
    return {};
  };
  EXPECT_EQ(fetch_in_pieces(0, 100'000, policy, fetch, full, {}).error().message(), "full");
  EXPECT_LE(asked, 6);  // what may be held, and what was being fetched
  archive::StringSink sink;
  const FetchPiece fail = [&](const net::ByteRange& range, std::vector<std::byte>& into,
                              const std::stop_token& stop) -> Result<void> {
    if (range.first == 50) return Error(ErrorKind::interrupted, "broken");
    return fetch(range, into, stop);
  };
  EXPECT_EQ(fetch_in_pieces(0, 100'000, policy, fail, sink, {}).error().message(), "broken");
  EXPECT_LE(sink.text().size(), 50u);
  const FetchPiece wait = [](const net::ByteRange&, std::vector<std::byte>&,
                             const std::stop_token& stop) -> Result<void> {
    while (!stop.stop_requested()) std::this_thread::yield();
    return Error(ErrorKind::cancelled, "stopped");
  };
  std::stop_source source;
  const std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(fetch_in_pieces(0, 100, policy, wait, sink, source.get_token()).error().kind(),
            ErrorKind::cancelled);
}

TEST_F(RepositoryTest, ABlobOfAnotherDigestOrLengthIsCorrupt) {
  const auto descriptor = blob("content");
  const std::string request = get("blobs/" + descriptor.digest.str());
  for (const std::string wrong : {"CONTENT", "content and more"}) {
    servers_.answers.clear();
    servers_.on(request, {.body = wrong});
    archive::StringSink sink;
    const auto fetched = repository().fetch_blob(descriptor, sink, stop_);
    ASSERT_FALSE(fetched.ok());
    EXPECT_EQ(fetched.error().kind(), ErrorKind::corrupt) << fetched.error().message();
    EXPECT_LE(sink.text().size(), descriptor.size);
  }
}

TEST_F(RepositoryTest, ATruncatedBodyWithoutLengthIsFetchedOn) {
  const auto descriptor = blob("content");
  const std::string request = get("blobs/" + descriptor.digest.str());
  servers_.on(request, {.body = "cont"});
  servers_.on(request,
              {.status = 206, .headers = {{"Content-Range", "bytes 4-6/7"}}, .body = "ent"});
  archive::StringSink sink;
  must(repository().fetch_blob(descriptor, sink, stop_));
  EXPECT_EQ(sink.text(), "content");
}

TEST_F(RepositoryTest, TheErrorOfTheSinkIsNotTriedAgain) {
  class Full final : public archive::ByteSink {
    Result<void> write(archive::Bytes) override { return Error(ErrorKind::no_space, "full"); }
  } sink;
  const auto descriptor = blob("content");
  servers_.on(get("blobs/" + descriptor.digest.str()), {.body = "content"});
  const auto fetched = repository().fetch_blob(descriptor, sink, stop_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().kind(), ErrorKind::no_space);
  EXPECT_EQ(servers_.seen.size(), 1U);
}

TEST_F(RepositoryTest, ATemporaryFailureIsWaitedOutAsLongAsTheServerSays) {
  servers_.on(get("manifests/1"), {.status = 429, .headers = {{"Retry-After", "7"}}});
  servers_.on(get("manifests/1"), {.status = 503});
  servers_.on(get("manifests/1"), {.error = Error(ErrorKind::timed_out, "late")});
  servers_.on(get("manifests/1"), {.body = kManifest});
  must(repository().fetch_manifest(reference_, stop_));
  using std::chrono::milliseconds;
  EXPECT_THAT(slept_, ElementsAre(milliseconds(7000), milliseconds(600), milliseconds(1200)));
}

TEST_F(RepositoryTest, TheServerMayNameTheTimeByADate) {
  servers_.on(get("manifests/1"), {.status = 503,
                                   .headers = {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"},
                                               {"Date", "Sun, 06 Nov 1994 08:49:26 GMT"}}});
  // One that is over, by our own clock.
  servers_.on(get("manifests/1"),
              {.status = 429, .headers = {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}}});
  servers_.on(get("manifests/1"), {.status = 503, .headers = {{"Retry-After", "tomorrow"}}});
  servers_.on(get("manifests/1"), {.body = kManifest});
  must(repository().fetch_manifest(reference_, stop_));
  using std::chrono::milliseconds;
  EXPECT_THAT(slept_, ElementsAre(milliseconds(11'000), milliseconds(0), milliseconds(1200)));
}

TEST_F(RepositoryTest, OnlyTheRestIsFetchedOfABlobWhoseBeginningIsKnown) {
  const auto descriptor = blob("0123456789");
  servers_.on(get("blobs/" + descriptor.digest.str()),
              {.status = 206, .headers = {{"Content-Range", "bytes 4-9/10"}}, .body = "456789"});
  archive::StringSink sink;
  const auto earlier = [](archive::ByteSink& into) {
    return into.write(archive::as_bytes("0123"));
  };
  must(repository().fetch_rest_of_blob(descriptor, earlier, sink, stop_));
  EXPECT_EQ(sink.text(), "0123456789");
  ASSERT_EQ(servers_.seen.size(), 1U);
  EXPECT_EQ(servers_.seen[0].range, "4");
}

TEST_F(RepositoryTest, WrongEarlierBytesAreFound) {
  const auto descriptor = blob("0123456789");
  servers_.on(get("blobs/" + descriptor.digest.str()),
              {.status = 206, .headers = {{"Content-Range", "bytes 4-9/10"}}, .body = "456789"});
  archive::StringSink sink;
  const auto earlier = [](archive::ByteSink& into) {
    return into.write(archive::as_bytes("012x"));
  };
  const auto fetched = repository().fetch_rest_of_blob(descriptor, earlier, sink, stop_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().kind(), ErrorKind::corrupt);
}

TEST_F(RepositoryTest, TheLastErrorSaysHowOftenItWasTried) {
  servers_.on(get("manifests/1"), {.status = 500, .body = "oops"});
  const auto failed = repository().fetch_manifest(reference_, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().kind(), ErrorKind::interrupted);
  EXPECT_THAT(failed.error().message(), HasSubstr("the server answered 500"));
  EXPECT_THAT(failed.error().message(), HasSubstr("(tried 6 times)"));
  EXPECT_EQ(servers_.seen.size(), 6U);
}

TEST_F(RepositoryTest, ATokenIsAskedForOnceAndUsedForAllOfItsScope) {
  with_credentials_ = true;
  const net::HttpHeaders challenge = {
      {"WWW-Authenticate", R"(Bearer realm="https://t.example/token",service="r",scope="x")"}};
  servers_.on(get("manifests/1"), {.status = 401, .headers = challenge});
  servers_.on(get("manifests/1"), {.body = kManifest});
  const std::string token_url =
      "https://t.example/token?service=r&scope=repository%3Ateam%2Fapp%3Apull&account=me&client_id="
      "kiln";
  servers_.on("GET " + token_url, {.body = R"({"token":"T1","expires_in":300})"});
  auto reader = repository();
  must(reader.fetch_manifest(reference_, stop_));
  must(reader.fetch_manifest(reference_, stop_));
  ASSERT_EQ(servers_.seen.size(), 4U);
  EXPECT_EQ(servers_.seen[1].url, token_url);
  EXPECT_EQ(servers_.seen[1].authorization, "Basic bWU6c2VjcmV0");
  EXPECT_EQ(servers_.seen[2].authorization, "Bearer T1");
  EXPECT_EQ(servers_.seen[3].authorization, "Bearer T1");
}

TEST_F(RepositoryTest, ATokenThatTheRegistryNoLongerTakesIsReplaced) {
  const net::HttpHeaders challenge = {{"WWW-Authenticate", R"(Bearer realm="https://t.example/")"}};
  servers_.on(get("manifests/1"), {.status = 401, .headers = challenge});
  servers_.on(get("manifests/1"), {.body = kManifest});
  servers_.on(get("manifests/1"), {.status = 401, .headers = challenge});
  servers_.on(get("manifests/1"), {.body = kManifest});
  const std::string token = "GET https://t.example/?scope=repository%3Ateam%2Fapp%3Apull";
  servers_.on(token, {.body = R"({"access_token":"T1"})"});
  servers_.on(token, {.body = R"({"access_token":"T2"})"});
  auto reader = repository();
  must(reader.fetch_manifest(reference_, stop_));
  must(reader.fetch_manifest(reference_, stop_));
  EXPECT_EQ(servers_.seen.back().authorization, "Bearer T2");
}

TEST_F(RepositoryTest, PasswordsAreNotSentToATokenServerWithoutTls) {
  with_credentials_ = true;
  servers_.on(
      get("manifests/1"),
      {.status = 401, .headers = {{"WWW-Authenticate", R"(Bearer realm="http://t.example/")"}}});
  const auto failed = repository().fetch_manifest(reference_, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("unencrypted"));
  EXPECT_EQ(servers_.seen.size(), 1U);
}

TEST_F(RepositoryTest, ARefusedPasswordIsUnauthorizedWithAHint) {
  with_credentials_ = true;
  servers_.on(
      get("manifests/1"),
      {.status = 401,
       .headers = {{"WWW-Authenticate", R"(Basic realm="r")"}},
       .body = R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]})"});
  const auto failed = repository().fetch_manifest(reference_, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().kind(), ErrorKind::unauthorized);
  EXPECT_THAT(failed.error().message(), HasSubstr("unauthorized: authentication required"));
  EXPECT_EQ(failed.error().hint(), "log in with: kiln login r.example");
  EXPECT_EQ(servers_.seen.size(), 2U);
}

TEST_F(RepositoryTest, MirrorsAreAskedFirst) {
  auto options = test::fake_options(servers_);
  RegistryRule rule;
  rule.prefix = "r.example";
  rule.mirrors.push_back({.location = "m.example/copies"});
  options.rules.rules.push_back(rule);
  registries_.emplace(std::move(options));
  servers_.on("GET https://m.example/v2/copies/team/app/manifests/1", {.status = 404});
  servers_.on(get("manifests/1"), {.body = kManifest});
  must(repository().fetch_manifest(reference_, stop_));
  EXPECT_EQ(servers_.seen.size(), 2U);
}

TEST_F(RepositoryTest, TagsComeInPages) {
  servers_.on(get("tags/list"),
              {.headers = {{"Link", "</v2/team/app/tags/list?last=b&n=2>; rel=\"next\""}},
               .body = R"({"tags":["a","b"]})"});
  servers_.on(get("tags/list?last=b&n=2"), {.body = R"({"tags":["c"]})"});
  EXPECT_THAT(must(repository().list_tags(stop_)), ElementsAre("a", "b", "c"));
}

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

TEST_F(RepositoryTest, AnUploadGoesOnWhereTheServerStopped) {
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

TEST_F(RepositoryTest, AnUploadThatTheServerGotWrongBeginsAgain) {
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

TEST_F(RepositoryTest, ABlobThatIsTooLargeForTheServerIsAClearError) {
  servers_.on("POST " + std::string(kBase) + "blobs/uploads/",
              {.status = 202, .headers = {{"Location", "/up/1"}}});
  servers_.on("PATCH https://r.example/up/1", {.status = 413, .body = "<html>"});
  TextContent content("data");
  const auto failed = uploader().upload_blob(content, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("413 Request Entity Too Large"));
  EXPECT_TRUE(slept_.empty());
}

TEST_F(RepositoryTest, CredentialsAreNotSentToAnUploadElsewhere) {
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

TEST_F(RepositoryTest, AMountIsTakenOrNot) {
  const std::string digest = oci::Digest::of("x").str();
  const std::string url = std::string(kBase) + "blobs/uploads/?mount=sha256%3A" +
                          oci::Digest::of("x").hex() + "&from=other%2Fapp";
  servers_.on("POST " + url, {.status = 201});
  servers_.on("POST " + url, {.status = 202, .headers = {{"Location", "/up"}}});
  auto sender = uploader();
  EXPECT_TRUE(must(sender.mount_blob(oci::Digest::of("x"), "other/app", stop_)));
  EXPECT_FALSE(must(sender.mount_blob(oci::Digest::of("x"), "other/app", stop_)));
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
