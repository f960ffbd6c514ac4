// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

#include <gtest/gtest.h>

namespace kiln::net {
namespace {

TEST(Http, RedactedUrlHasNoSecrets) {
  EXPECT_EQ(redacted_url("https://me:pass@host:1/a/b?token=x#y"), "https://host:1/a/b");
  EXPECT_EQ(redacted_url("http://host"), "http://host");
  EXPECT_EQ(redacted_url("nothing?x"), "nothing");
}

TEST(Http, OriginIsSchemeHostAndPort) {
  EXPECT_EQ(url_origin("HTTPS://me@Host/a"), "https://host:443");
  EXPECT_EQ(url_origin("http://host?x"), "http://host:80");
  EXPECT_EQ(url_origin("http://[::1]/"), "http://[::1]:80");
  EXPECT_EQ(url_origin("http://[::1]:5000/"), "http://[::1]:5000");
  EXPECT_EQ(url_origin("nothing"), "");
}

}  // namespace
}  // namespace kiln::net
