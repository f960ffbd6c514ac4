// SPDX-License-Identifier: Apache-2.0
#include "os/mount.h"

#include <gtest/gtest.h>

#include "os/test_mounts.h"
#include "os/test_temp_dir.h"

namespace kiln::os {
namespace {

using test::must;
using test::TempDir;

class MountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reason_.empty()) GTEST_SKIP() << reason_;
  }
  /// First: directories that were opened in another mount namespace can't be mounted.
  const std::string& reason_ = test::why_no_mounts();
  TempDir top_;
  Dir low_ = top_.make_dir("low"), upper_ = top_.make_dir("upper"), work_ = top_.make_dir("work"),
      at_ = top_.make_dir("at");
};

TEST_F(MountTest, TopmostLowerDirectoryWins) {
  const Dir high = top_.make_dir("high");
  top_.write("low/a", "low");
  top_.write("low/b", "low");
  top_.write("high/a", "high");
  const Mount mount = must(Mount::overlay({&high, &low_}, nullptr, nullptr, top_.path("at")));
  EXPECT_EQ(mount.target(), top_.path("at"));
  EXPECT_EQ(top_.read("at/a"), "high");
  EXPECT_EQ(top_.read("at/b"), "low");
  EXPECT_FALSE(create_file(top_.path("at/new")).ok()) << "read-only without an upper directory";
}

TEST_F(MountTest, RemovalsLeaveMarksInTheUpperDirectory) {
  top_.make_dir("low/d");
  top_.write("low/d/f", "x");
  top_.write("low/gone", "x");
  {
    const Mount mount = must(Mount::overlay({&low_}, &upper_, &work_, top_.path("at")));
    const Dir merged = must(Dir::open(top_.path("at")));
    must(merged.remove_file("gone"));
    must(merged.remove_tree("d"));
    must(merged.create_dir("d", 0755));
  }
  EXPECT_TRUE(must(upper_.stat("gone")).is_whiteout());
  EXPECT_EQ(must(upper_.find_xattr("d", "user.overlay.opaque")), "y");
  EXPECT_TRUE(top_.exists("low/gone"));
}

TEST_F(MountTest, IsTakenAwayWhenItGoes) {
  top_.write("low/f", "x");
  Mount first = must(Mount::overlay({&low_}, &upper_, &work_, top_.path("at")));
  {
    const Mount second = std::move(first);
    EXPECT_TRUE(top_.exists("at/f"));
  }
  EXPECT_FALSE(top_.exists("at/f"));
  first.reset();
}

TEST_F(MountTest, PathsWithOptionCharactersAreFine) {
  const Dir odd = top_.make_dir("a,b:c\\d=e f");
  top_.write("a,b:c\\d=e f/f", "x");
  const Mount mount = must(Mount::overlay({&odd, &low_}, &upper_, &work_, top_.path("at")));
  EXPECT_EQ(top_.read("at/f"), "x");
}

TEST_F(MountTest, MissingTargetIsNotFound) {
  const auto mount = Mount::overlay({&low_}, &upper_, &work_, top_.path("absent"));
  ASSERT_FALSE(mount.ok());
  EXPECT_EQ(mount.error().kind(), ErrorKind::not_found);
}

}  // namespace
}  // namespace kiln::os
