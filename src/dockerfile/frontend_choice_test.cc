// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/frontend_choice.h"

#include <gmock/gmock.h>

namespace kiln::dockerfile {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<std::optional<Diagnostic>> check(const std::string& text, const std::string& override = {}) {
  return check_frontend(Source("Dockerfile", text), override);
}

TEST(CheckFrontend, TakesDockersOwn) {
  for (const char* image :
       {"docker/dockerfile", "docker/dockerfile:1", "docker/dockerfile:1.7-labs",
        "docker.io/docker/dockerfile:1", "docker/dockerfile-upstream:master",
        "localhost:5000/docker/dockerfile", "example.com/mirror/docker/dockerfile:1@sha256:ab",
        "docker/dockerfile:1 with more", "dockerfile.v0"}) {
    const auto result = check(std::string("# syntax=") + image + "\nFROM a\n");
    ASSERT_TRUE(result.ok()) << image << ": " << result.error().message();
    EXPECT_FALSE(result->has_value()) << image;
  }
  EXPECT_TRUE(check("FROM a\n").ok());
  EXPECT_TRUE(check("# comment\n# syntax=x/y\nFROM a\n").ok());
}

TEST(CheckFrontend, RemarksOnVariants) {
  for (const char* image :
       {"acme/dockerfile:1", "dockerfile", "r2d4/dockerfile-plus", "docker2/dockerfile"}) {
    const auto result = check(std::string("# syntax=") + image + "\nFROM a\n");
    ASSERT_TRUE(result.ok()) << image;
    ASSERT_TRUE(result->has_value()) << image;
    EXPECT_THAT((*result)->message, HasSubstr(image));
    EXPECT_EQ((*result)->range.begin, (Position{1, 10}));
  }
}

TEST(CheckFrontend, RefusesWhatMayBeAnyLanguage) {
  const auto result = check("#!/x\n# syntax=acme/other:1\nFROM a\n");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::unsupported);
  EXPECT_THAT(result.error().message(),
              StartsWith("Dockerfile:2: the frontend acme/other:1 is not known"));
  EXPECT_FALSE(check("// syntax = acme/other\nx: y\n").ok());
  EXPECT_FALSE(check("{\"syntax\": \"acme/other\"}").ok());
}

TEST(CheckFrontend, ABuildArgumentDecides) {
  EXPECT_TRUE(check("# syntax=acme/other\nFROM a\n", "docker/dockerfile:1").ok());
  const auto result = check("# syntax=docker/dockerfile\nFROM a\n", "acme/other");
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message(), StartsWith("BUILDKIT_SYNTAX: "));
}

}  // namespace
}  // namespace kiln::dockerfile
