// SPDX-License-Identifier: Apache-2.0
#include "remote/git_refs.h"

#include <gtest/gtest.h>

#include "remote/http_source.h"

namespace kiln::remote {
namespace {

const std::string kA(40, 'a'), kB(40, 'b'), kC(40, 'c'), kD(40, 'd');

TEST(GitRefs, ABranchComesBeforeATag) {
  const std::string listing =
      kA + "\trefs/heads/x\n" + kB + "\trefs/tags/x\n" + kC + "\trefs/tags/x^{}\n";
  const auto ref = choose_ref(listing, "x");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->name, "refs/heads/x");
  EXPECT_EQ(ref->commit, kA);
}

TEST(GitRefs, AnAnnotatedTagLeadsToItsCommit) {
  const auto ref = choose_ref(kB + "\trefs/tags/x\n" + kC + "\trefs/tags/x^{}\n", "x");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->name, "refs/tags/x");
  EXPECT_EQ(ref->object, kB);
  EXPECT_EQ(ref->commit, kC);
}

TEST(GitRefs, WholeNamesMeanThemselves) {
  const std::string listing =
      kA + "\trefs/heads/x\n" + kB + "\trefs/tags/x\n" + kD + "\trefs/pull/1/head\n";
  EXPECT_EQ(choose_ref(listing, "refs/tags/x")->commit, kB);
  EXPECT_EQ(choose_ref(listing, "tags/x")->commit, kB);
  EXPECT_EQ(choose_ref(listing, "pull/1/head")->commit, kD);
  EXPECT_EQ(choose_ref(listing, "refs/pull/1/head")->commit, kD);
}

TEST(GitRefs, NoRefOfThatName) {
  // ls-remote matches the end of names.
  EXPECT_FALSE(choose_ref(kA + "\trefs/heads/other/x\n", "x"));
  EXPECT_FALSE(choose_ref("", "x"));
  EXPECT_FALSE(choose_ref("no object\trefs/heads/x\n", "x"));
}

TEST(GitRefs, DefaultBranch) {
  EXPECT_EQ(default_branch("ref: refs/heads/trunk\tHEAD\n" + kA + "\tHEAD\n"), "refs/heads/trunk");
  EXPECT_FALSE(default_branch(kA + "\tHEAD\n"));
}

TEST(GitRefs, ObjectNames) {
  EXPECT_TRUE(is_object_name(kA));
  EXPECT_TRUE(is_object_name(std::string(64, '0')));
  EXPECT_FALSE(is_object_name(std::string(39, 'a')));
  EXPECT_FALSE(is_object_name(std::string(40, 'A')));
  EXPECT_FALSE(is_object_name(std::string(40, 'g')));
}

}  // namespace
}  // namespace kiln::remote
