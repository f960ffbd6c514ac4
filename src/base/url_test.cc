// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(Url, Parts) {
  const auto url = parse_url("HTTPS://u:p%40@Example.com:8443/a%20b/c?x=1&y#f%2Fg");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->userinfo, "u:p%40");
  EXPECT_EQ(url->host, "Example.com:8443");
  EXPECT_EQ(url->host_name(), "Example.com");
  EXPECT_EQ(url->path, "/a b/c");
  EXPECT_EQ(url->query, "x=1&y");
  EXPECT_EQ(url->fragment, "f/g");
  EXPECT_EQ(url->location(), "https://u:p%40@Example.com:8443/a%20b/c");
  EXPECT_EQ(url->public_location(), "https://Example.com:8443/a%20b/c");
}

TEST(Url, NumericHosts) {
  EXPECT_EQ(parse_url("http://[::1]:80/")->host_name(), "::1");
  EXPECT_EQ(parse_url("http://[::1]/")->host, "[::1]");
  EXPECT_FALSE(parse_url("http://::1/"));
  EXPECT_FALSE(parse_url("http://[::1"));
}

TEST(Url, WhatIsNone) {
  for (const char* text : {"", "a", "//host/path", "://x", "1http://x", "http//x", "http://a:b/",
                           "http://a b/", "http://a/%zz", "http://a/%4", "http://a/\n",
                           "http://a/#%", "http://\"/", "http://us er@h/", "http://u%z@h/"})
    EXPECT_FALSE(parse_url(text)) << text;
}

TEST(Url, Query) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_query(""), Pairs());
  EXPECT_EQ(parse_query("a=1&b=&c&a=2+3%26"),
            (Pairs{{"a", "1"}, {"b", ""}, {"c", ""}, {"a", "2 3&"}}));
  EXPECT_FALSE(parse_query("a=1;b=2"));
  EXPECT_FALSE(parse_query("a=%"));
}

TEST(Url, RedactsCredentials) {
  EXPECT_EQ(redact_credentials("ADD http://user:pw@h/x /y"), "ADD http://xxxxx:xxxxx@h/x /y");
  EXPECT_EQ(redact_credentials("https://token@h/x.git"), "https://xxxxx@h/x.git");
  EXPECT_EQ(redact_credentials("ssh://git@h/x"), "ssh://git@h/x");
  EXPECT_EQ(redact_credentials("ssh://git:pw@h/x"), "ssh://xxxxx:xxxxx@h/x");
  EXPECT_EQ(redact_credentials("http://h/a@b and http://u:p@q@h"),
            "http://h/a@b and http://xxxxx:xxxxx@h");
  EXPECT_EQ(redact_credentials("http://h?x=u:p@h"), "http://h?x=u:p@h");
  EXPECT_EQ(redact_credentials("no url"), "no url");
}

}  // namespace
}  // namespace kiln
