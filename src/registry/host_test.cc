// SPDX-License-Identifier: Apache-2.0
#include "registry/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/fake_transport.h"

namespace kiln::registry {
namespace {

using os::test::must;
using ::testing::HasSubstr;

class HostTest : public ::testing::Test {
 protected:
  Result<net::HttpResponse> get(const std::string& path) {
    net::HttpRequest request;
    request.url = path;
    return host_->send(request, {});
  }
  void make_host(const std::string& name, Endpoint::Scheme scheme) {
    host_.emplace(
        Endpoint{.host = name, .repository = {}, .domain = name, .scheme = scheme},
        std::make_unique<test::FakeTransport>(servers_),
        [] { return Result<std::optional<Credentials>>(Credentials{"me", "secret", ""}); },
        [] { return std::chrono::steady_clock::now(); });
  }

  test::FakeServers servers_;
  std::optional<Host> host_;
};

TEST_F(HostTest, WhatAHostRedirectedToAsksForIsNotGiven) {
  servers_.on("GET https://r.example/v2/",
              {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"r\""}}});
  servers_.on("GET https://r.example/v2/", {});
  for (const char* challenge : {"Basic realm=\"e\"", "Bearer realm=\"http://e.example/token\"",
                                "Bearer realm=\"https://e.example/token\""}) {
    for (const char* from : {"https://e.example/cdn", "http://r.example/cdn"}) {
      servers_.on("GET https://r.example/blob",
                  {.status = 401, .headers = {{"WWW-Authenticate", challenge}}, .from = from});
    }
  }
  make_host("r.example", Endpoint::Scheme::https);
  EXPECT_EQ(must(get("/blob")).status, 401);
  EXPECT_EQ(must(get("/v2/")).status, 200);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(must(get("/blob")).status, 401);
  // None is sent twice, none elsewhere.
  EXPECT_EQ(servers_.seen.size(), 9U);
  EXPECT_EQ(servers_.seen.front().authorization, "");
  for (const auto& seen : servers_.seen) EXPECT_THAT(seen.url, HasSubstr("https://r.example/"));
}

TEST_F(HostTest, WithoutItsHelperARequestIsAnonymous) {
  const net::HttpHeaders challenge = {
      {"WWW-Authenticate", R"(Bearer realm="https://t.example/t",scope="s")"}};
  servers_.on("GET https://r.example/public", {.status = 401, .headers = challenge});
  servers_.on("GET https://r.example/public", {.body = "for all"});
  servers_.on("GET https://r.example/private", {.status = 401, .headers = challenge});
  servers_.on("GET https://t.example/t?scope=s", {.body = R"({"token":"T"})"});
  Host host(
      {.host = "r.example", .repository = {}, .domain = "r.example"},
      std::make_unique<test::FakeTransport>(servers_),
      [] {
        return Result<std::optional<Credentials>>(
            Error(ErrorKind::unauthorized, "the helper fails"));
      },
      [] { return std::chrono::steady_clock::now(); });
  net::HttpRequest request;
  request.url = "/public";
  EXPECT_EQ(must(host.send(request, {})).body, "for all");
  request.url = "/private";
  EXPECT_EQ(host.send(request, {}).error().message(), "the helper fails");
}

TEST_F(HostTest, ABrokenConnectionIsNoProofOfAServerWithoutTls) {
  servers_.on("GET https://localhost:5/v2/",
              {.error = Error(ErrorKind::interrupted, "connection reset")});
  servers_.on("GET https://localhost:5/v2/", {.body = "by TLS"});
  servers_.on("GET http://localhost:5/v2/", {.body = "plain"});
  make_host("localhost:5", Endpoint::Scheme::either);
  EXPECT_EQ(get("/v2/").error().kind(), ErrorKind::interrupted);
  EXPECT_EQ(must(get("/v2/")).body, "by TLS");
}

TEST_F(HostTest, AServerThatWantsTlsIsNotAskedWithoutAgain) {
  servers_.on("GET https://localhost:5/v2/",
              {.error = Error(ErrorKind::untrusted, "alert internal error")});
  servers_.on("GET https://localhost:5/v2/", {.body = "by TLS"});
  servers_.on("GET http://localhost:5/v2/",
              {.status = 400, .body = "Client sent an HTTP request to an HTTPS server.\n"});
  make_host("localhost:5", Endpoint::Scheme::either);
  EXPECT_EQ(get("/v2/").error().message(), "alert internal error");
  EXPECT_EQ(must(get("/v2/")).body, "by TLS");
}

}  // namespace
}  // namespace kiln::registry
