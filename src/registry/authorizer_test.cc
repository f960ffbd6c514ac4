// SPDX-License-Identifier: Apache-2.0
#include "registry/authorizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/repository_fixture.h"

namespace kiln::registry {
namespace {

using os::test::must;
using test::kManifest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using AuthorizerTest = test::RepositoryFixture;

TEST_F(AuthorizerTest, ATokenIsAskedForOnceAndUsedForAllOfItsScope) {
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

TEST_F(AuthorizerTest, ARegistryTokenIsSentAsItIsAndOnce) {
  with_credentials_ = true;
  work_.write("config.json", R"({"auths":{"r.example":{"registrytoken":"GIVEN"}}})");
  const net::HttpHeaders challenge = {{"WWW-Authenticate", R"(Bearer realm="https://t.example/")"}};
  servers_.on(get("manifests/1"), {.status = 401, .headers = challenge});
  servers_.on(get("manifests/1"), {.body = kManifest});
  servers_.on(get("manifests/1"), {.status = 401, .headers = challenge});
  auto reader = repository();
  must(reader.fetch_manifest(reference_, stop_));
  const auto refused = reader.fetch_manifest(reference_, stop_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind(), ErrorKind::unauthorized);
  ASSERT_EQ(servers_.seen.size(), 3U);
  EXPECT_EQ(servers_.seen[1].authorization, "Bearer GIVEN");
  EXPECT_EQ(servers_.seen[2].authorization, "Bearer GIVEN");
}

TEST_F(AuthorizerTest, AnIdentityTokenIsExchanged) {
  with_credentials_ = true;
  work_.write("config.json",
              R"({"auths":{"r.example":{"auth":"bWU6","identitytoken":"a token"}}})");
  const net::HttpHeaders challenge = {
      {"WWW-Authenticate", R"(Bearer realm="https://t.example/token",service="r")"}};
  servers_.on(get("manifests/1"), {.status = 401, .headers = challenge});
  servers_.on(get("manifests/1"), {.body = kManifest});
  servers_.on("POST https://t.example/token", {.body = R"({"access_token":"T1"})"});
  must(repository().fetch_manifest(reference_, stop_));
  ASSERT_EQ(servers_.seen.size(), 3U);
  EXPECT_EQ(servers_.seen[1].authorization, "");
  EXPECT_EQ(servers_.seen[1].body,
            "grant_type=refresh_token&service=r&client_id=kiln&refresh_token=a%20token&scope="
            "repository%3Ateam%2Fapp%3Apull");
  EXPECT_EQ(servers_.seen[2].authorization, "Bearer T1");
}

TEST_F(AuthorizerTest, ATokenThatTheRegistryNoLongerTakesIsReplaced) {
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

TEST_F(AuthorizerTest, PasswordsAreNotSentToATokenServerWithoutTls) {
  with_credentials_ = true;
  servers_.on(
      get("manifests/1"),
      {.status = 401, .headers = {{"WWW-Authenticate", R"(Bearer realm="http://t.example/")"}}});
  const auto failed = repository().fetch_manifest(reference_, stop_);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message(), HasSubstr("unencrypted"));
  EXPECT_EQ(servers_.seen.size(), 1U);
}

TEST_F(AuthorizerTest, ARefusedPasswordIsUnauthorizedWithAHint) {
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

TEST_F(AuthorizerTest, ATokenServerIsWaitedForAsLongAsItSays) {
  servers_.on(get("manifests/1"),
              {.status = 401,
               .headers = {{"WWW-Authenticate", R"(Bearer realm="https://t.example/token")"}}});
  servers_.on(get("manifests/1"), {.body = kManifest});
  const std::string token_request =
      "GET https://t.example/token?scope=repository%3Ateam%2Fapp%3Apull";
  servers_.on(token_request, {.status = 429, .headers = {{"Retry-After", "7"}}});
  servers_.on(token_request, {.status = 503, .headers = {{"Retry-After", "2"}}});
  servers_.on(token_request, {.body = R"({"token":"T1"})"});
  must(repository().fetch_manifest(reference_, stop_));
  using std::chrono::milliseconds;
  EXPECT_THAT(slept_, ElementsAre(milliseconds(7000), milliseconds(2000)));
  EXPECT_EQ(servers_.seen.back().authorization, "Bearer T1");
}

}  // namespace
}  // namespace kiln::registry
