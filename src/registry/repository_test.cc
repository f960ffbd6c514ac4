// SPDX-License-Identifier: Apache-2.0
#include "registry/repository.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "registry/repository_fixture.h"

namespace kiln::registry {
namespace {

using os::test::must;
using test::Answer;
using test::kBase;
using test::kManifest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using RepositoryTest = test::RepositoryFixture;

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

TEST_F(RepositoryTest, ABlobThatComesByteByByteIsGivenUp) {
  const std::string content = "0123456789abcdef";
  const auto descriptor = blob(content);
  servers_.on(get("blobs/" + descriptor.digest.str()),
              {.body = content, .cut_after = 1, .gives_parts = true});
  archive::StringSink sink;
  const auto failed = repository().fetch_blob(descriptor, sink, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("connection closed (tried 6 times)"));
  EXPECT_EQ(servers_.seen.size(), 6U);
}

TEST_F(RepositoryTest, ALongBlobMayBeCutOften) {
  auto options = test::fake_options(servers_);
  options.pieces.least_rest = 10'000'000;
  registries_.emplace(std::move(options));
  const std::string content(1'000'000, 'x');
  const auto descriptor = blob(content);
  const std::string request = get("blobs/" + descriptor.digest.str());
  servers_.on(request, {.body = content, .cut_after = 70'000, .gives_parts = true});
  archive::StringSink sink;
  must(repository().fetch_blob(descriptor, sink, stop_));
  EXPECT_EQ(servers_.seen.size(), 15U);
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

class MirrorTest : public RepositoryTest {
 protected:
  MirrorTest() {
    auto options = test::fake_options(servers_);
    RegistryRule rule;
    rule.prefix = "r.example";
    rule.mirrors.push_back({.location = "m.example"});
    options.rules.rules.push_back(rule);
    registries_.emplace(std::move(options));
  }
  std::string at_mirror() const {
    return "GET https://m.example/v2/team/app/blobs/" + blob_.digest.str();
  }
  std::string at_registry() const { return get("blobs/" + blob_.digest.str()); }

  oci::Descriptor blob_ = blob("content");
};

TEST_F(MirrorTest, OneThatHasABlobDamagedIsNotAskedForItAgain) {
  servers_.on(at_mirror(), {.body = "CONTENT"});
  servers_.on(at_registry(), {.body = "content"});
  auto reader = repository();
  archive::StringSink first, second;
  const auto damaged = reader.fetch_blob(blob_, first, stop_);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().message(),
            fmt::format("blob {} from m.example/team/app: its content has the digest {}",
                        blob_.digest.str(), oci::Digest::of("CONTENT").str()));
  must(reader.fetch_blob(blob_, second, stop_));
  EXPECT_EQ(second.text(), "content");
  EXPECT_THAT(servers_.requests(), ElementsAre(at_mirror(), at_registry()));
  EXPECT_EQ(must(repository().read_blob(blob_, 100, stop_)), "content");
}

TEST_F(MirrorTest, OneThatGaveABlobsDamagedBeginningIsNotAskedForItAgain) {
  servers_.on(at_mirror(), {.body = "CONT", .cut_after = 4});
  servers_.on(at_mirror(), {.status = 404});
  servers_.on(at_registry(), {.body = "content", .gives_parts = true});
  EXPECT_EQ(must(repository().read_blob(blob_, 100, stop_)), "content");
  EXPECT_THAT(servers_.requests(),
              ElementsAre(at_mirror(), at_mirror(), at_registry(), at_registry()));
}

TEST_F(MirrorTest, TheErrorOfTheRegistrySaysWhatTheMirrorGave) {
  servers_.on(at_mirror(), {.body = "CONTENT"});
  servers_.on(at_registry(), {.status = 404});
  const auto failed = repository().read_blob(blob_, 100, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("the server answered 404"));
  EXPECT_THAT(failed.error().message(),
              HasSubstr("from m.example/team/app: its content has the digest"));
}

TEST_F(RepositoryTest, TagsComeInPages) {
  servers_.on(get("tags/list"),
              {.headers = {{"Link", "</v2/team/app/tags/list?last=b&n=2>; rel=\"next\""}},
               .body = R"({"tags":["a","b"]})"});
  servers_.on(get("tags/list?last=b&n=2"), {.body = R"({"tags":["c"]})"});
  EXPECT_THAT(must(repository().list_tags(stop_)), ElementsAre("a", "b", "c"));
}

TEST_F(RepositoryTest, TagsWhosePagesLeadBackAreCorrupt) {
  servers_.on(get("tags/list"), {.headers = {{"Link", "</v2/team/app/tags/list>; rel=\"next\""}},
                                 .body = R"({"tags":["a"]})"});
  const auto tags = repository().list_tags(stop_);
  ASSERT_FALSE(tags.ok());
  EXPECT_EQ(tags.error().kind(), ErrorKind::corrupt);
  EXPECT_LE(servers_.seen.size(), 2U);
}

TEST_F(RepositoryTest, TagsThatNeverEndAreCorrupt) {
  const std::string page = R"({"tags":["a"]})" + std::string(std::size_t{8} << 20, ' ');
  std::string path = "tags/list";
  for (int i = 0; i < 12; ++i) {
    const std::string next = fmt::format("tags/list?last={}", i);
    servers_.on(get(path),
                {.headers = {{"Link", fmt::format("</v2/team/app/{}>; rel=\"next\"", next)}},
                 .body = page});
    path = next;
  }
  const auto tags = repository().list_tags(stop_);
  ASSERT_FALSE(tags.ok());
  EXPECT_EQ(tags.error().kind(), ErrorKind::corrupt);
  EXPECT_EQ(servers_.seen.size(), 8U);
}

TEST_F(RepositoryTest, NobodyWaitsForWhatIsLongerThanAnyNumber) {
  servers_.on(get("manifests/1"),
              {.status = 429, .headers = {{"Retry-After", std::string(40, '9')}}});
  const auto fetched = repository().fetch_manifest(reference_, stop_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_THAT(fetched.error().message(), ::testing::HasSubstr("wants us to wait 3600 s"));
  EXPECT_EQ(servers_.seen.size(), 1U);
}

TEST_F(RepositoryTest, AnAnswerThatSaysNotWhatItIsIsNoImage) {
  servers_.on(get("manifests/1"), {.body = "{}"});
  const auto fetched = repository().fetch_manifest(reference_, stop_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_THAT(fetched.error().message(), ::testing::EndsWith("nor does the answer say what it is"));
}

}  // namespace
}  // namespace kiln::registry
