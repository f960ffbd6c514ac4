// SPDX-License-Identifier: Apache-2.0
#include "os/mount_points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/system.h"

namespace kiln::os {
namespace {

namespace fs = std::filesystem;
using Kind = MountPoints::Kind;
using Keep = MountPoints::Keep;

class MountPointsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    top_ = fs::temp_directory_path() / ("kiln-mount-points-" + random_id());
    fs::create_directories(top_ / "root/etc");
    root_ = *Dir::open(top_ / "root");
    age("root/etc");
    age("root");
  }
  void TearDown() override { fs::remove_all(top_); }

  void age(const std::string& path) { fs::last_write_time(top_ / path, old_); }
  bool is_old(const std::string& path) const { return fs::last_write_time(top_ / path) == old_; }
  bool exists(const std::string& path) const { return fs::exists(top_ / path); }

  const fs::file_time_type old_ = fs::file_time_type(std::chrono::hours(1));
  fs::path top_;
  Dir root_;
};

TEST_F(MountPointsTest, WhatIsMissingIsMadeAndTakenAway) {
  MountPoints points;
  ASSERT_TRUE(points.ensure(root_, "/etc/hosts", Kind::file).ok());
  ASSERT_TRUE(points.ensure(root_, "/a/b/c", Kind::directory).ok());
  ASSERT_TRUE(points.ensure(root_, "/a/b/d", Kind::file).ok());
  EXPECT_TRUE(fs::is_regular_file(top_ / "root/etc/hosts"));
  EXPECT_TRUE(fs::is_directory(top_ / "root/a/b/c"));
  EXPECT_TRUE(fs::is_regular_file(top_ / "root/a/b/d"));
  ASSERT_TRUE(points.remove().ok());
  EXPECT_FALSE(exists("root/etc/hosts") || exists("root/a"));
  EXPECT_TRUE(is_old("root/etc"));
  EXPECT_TRUE(is_old("root"));
}

TEST_F(MountPointsTest, WhatWasThereIsLeftAlone) {
  std::ofstream(top_ / "root/etc/hosts");
  age("root/etc");
  {
    MountPoints points;
    ASSERT_TRUE(points.ensure(root_, "/etc/hosts", Kind::file).ok());
    ASSERT_TRUE(points.ensure(root_, "/etc", Kind::directory).ok());
  }
  EXPECT_TRUE(exists("root/etc/hosts"));
  EXPECT_TRUE(is_old("root/etc"));
}

TEST_F(MountPointsTest, KeptOnesStay) {
  {
    MountPoints points;
    ASSERT_TRUE(points.ensure(root_, "/proc", Kind::directory, Keep::yes).ok());
  }
  EXPECT_TRUE(fs::is_directory(top_ / "root/proc"));
  EXPECT_EQ(fs::status(top_ / "root/proc").permissions(), fs::perms(0755));
}

TEST_F(MountPointsTest, WhatOthersPutThereStays) {
  MountPoints points;
  ASSERT_TRUE(points.ensure(root_, "/a/b/c", Kind::directory).ok());
  ASSERT_TRUE(points.ensure(root_, "/etc/f", Kind::file).ok());
  std::ofstream(top_ / "root/a/b/mine");
  std::ofstream(top_ / "root/etc/f") << "mine";
  ASSERT_TRUE(points.remove().ok());
  EXPECT_TRUE(exists("root/a/b/mine"));
  EXPECT_FALSE(exists("root/a/b/c"));
  EXPECT_TRUE(exists("root/etc/f"));
}

TEST_F(MountPointsTest, ReplacedOnesStay) {
  MountPoints points;
  ASSERT_TRUE(points.ensure(root_, "/etc/f", Kind::file).ok());
  fs::remove(top_ / "root/etc/f");
  fs::create_directory(top_ / "root/etc/f");
  ASSERT_TRUE(points.remove().ok());
  EXPECT_TRUE(exists("root/etc/f"));
}

TEST_F(MountPointsTest, TimesOfOthersChangesAreKept) {
  MountPoints points;
  ASSERT_TRUE(points.ensure(root_, "/etc/hosts", Kind::file).ok());
  ASSERT_TRUE(points.ensure(root_, "/etc/resolv.conf", Kind::file).ok());
  const auto changed = fs::file_time_type(std::chrono::hours(2));
  fs::last_write_time(top_ / "root/etc", changed);
  ASSERT_TRUE(points.remove().ok());
  EXPECT_EQ(fs::last_write_time(top_ / "root/etc"), changed);
}

TEST_F(MountPointsTest, LinksAreFollowedInsideTheRoot) {
  fs::create_symlink("../../../../outside/hosts", top_ / "root/etc/hosts");
  fs::create_symlink("/run/x", top_ / "root/etc/resolv.conf");
  fs::create_symlink("etc", top_ / "root/conf");
  {
    MountPoints points;
    ASSERT_TRUE(points.ensure(root_, "/etc/hosts", Kind::file).ok());
    ASSERT_TRUE(points.ensure(root_, "/conf/resolv.conf", Kind::file).ok());
    EXPECT_TRUE(exists("root/outside/hosts"));
    EXPECT_TRUE(exists("root/run/x"));
    EXPECT_FALSE(exists("outside"));
  }
  EXPECT_FALSE(exists("root/outside") || exists("root/run"));
}

TEST_F(MountPointsTest, CirclesAndFilesOnTheWayAreRefused) {
  fs::create_symlink("loop", top_ / "root/loop");
  std::ofstream(top_ / "root/file");
  MountPoints points;
  EXPECT_EQ(points.ensure(root_, "/loop/x", Kind::file).error().kind(), ErrorKind::invalid_input);
  EXPECT_EQ(points.ensure(root_, "/file/x", Kind::file).error().message(),
            "mount point /file/x: file is not a folder");
  EXPECT_EQ(points.ensure(root_, "/file", Kind::directory).error().kind(),
            ErrorKind::invalid_input);
  EXPECT_EQ(points.ensure(root_, "/etc", Kind::file).error().message(),
            "mount point /etc: etc is a folder");
}

}  // namespace
}  // namespace kiln::os
