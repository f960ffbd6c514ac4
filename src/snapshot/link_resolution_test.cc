// SPDX-License-Identifier: Apache-2.0
#include "snapshot/link_resolution.h"

#include <gtest/gtest.h>

#include <map>

#include "os/test_temp_dir.h"

namespace kiln::snapshot {
namespace {

using os::test::must;

/// Paths that are there: links with their targets, everything else with an empty text.
class Links : public ::testing::Test {
 protected:
  std::string resolve(std::string_view path, Last last = Last::follow) {
    return must(try_resolve(path, last)).str();
  }
  Result<os::RelPath> try_resolve(std::string_view path, Last last = Last::follow) {
    return resolve_links(path, last,
                         [this](const os::RelPath& at) -> Result<std::optional<std::string>> {
                           const auto it = there_.find(at.str());
                           if (it == there_.end()) return std::optional<std::string>();
                           return std::optional(it->second);
                         });
  }
  std::map<std::string, std::string> there_ = {{"usr", ""},
                                               {"usr/bin", ""},
                                               {"bin", "usr/bin"},
                                               {"etc", ""},
                                               {"usr/up", ".."},
                                               {"usr/abs", "/etc"},
                                               {"usr/far", "../../../../etc"},
                                               {"chain", "bin/"},
                                               {"loop", "loop"},
                                               {"dangling", "no/where"},
                                               {"root", "/"}};
};

TEST_F(Links, OnTheWayAreFollowed) {
  EXPECT_EQ(resolve("/bin/sh"), "usr/bin/sh");
  EXPECT_EQ(resolve("usr/up/etc/x"), "etc/x");
  EXPECT_EQ(resolve("chain/sh"), "usr/bin/sh");
  EXPECT_EQ(resolve("root/root/etc"), "etc");
}

TEST_F(Links, StayInside) {
  EXPECT_EQ(resolve("usr/abs/passwd"), "etc/passwd");
  EXPECT_EQ(resolve("usr/far/passwd"), "etc/passwd");
  EXPECT_EQ(resolve("../../../etc"), "etc");
  EXPECT_EQ(resolve("/.."), "");
}

TEST_F(Links, LastOneIsKeptOnRequest) {
  EXPECT_EQ(resolve("bin", Last::follow), "usr/bin");
  EXPECT_EQ(resolve("bin", Last::keep), "bin");
  EXPECT_EQ(resolve("usr/up/bin", Last::keep), "bin");
}

TEST_F(Links, DotDotAfterALinkIsTheTargetsParent) { EXPECT_EQ(resolve("bin/../x"), "usr/x"); }

TEST_F(Links, WhatDoesNotExistIsTakenAsWritten) {
  EXPECT_EQ(resolve("new/a/b"), "new/a/b");
  EXPECT_EQ(resolve("dangling"), "no/where");
  EXPECT_EQ(resolve("dangling/x"), "no/where/x");
}

TEST_F(Links, EmptyAndDotsAreTheRoot) {
  for (const char* path : {"", "/", ".", "./", "//", "/./."}) EXPECT_EQ(resolve(path), "") << path;
}

TEST_F(Links, LoopsAreInvalid) {
  const auto result = try_resolve("loop/x");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input);
  EXPECT_EQ(resolve("loop", Last::keep), "loop");
}

TEST_F(Links, AsManyAsTheLimitAreFollowed) {
  for (int i = 0; i < 255; ++i) there_["l" + std::to_string(i)] = "l" + std::to_string(i + 1);
  there_["l255"] = "";
  EXPECT_EQ(resolve("l0"), "l255");
  there_["m"] = "l0";
  EXPECT_FALSE(try_resolve("m").ok());
}

TEST_F(Links, ErrorsOfTheLookupArePassedOn) {
  const auto result = resolve_links("a/b", Last::follow,
                                    [](const os::RelPath&) -> Result<std::optional<std::string>> {
                                      return Error(ErrorKind::permission, "no");
                                    });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::permission);
}

}  // namespace
}  // namespace kiln::snapshot
