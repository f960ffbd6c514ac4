// SPDX-License-Identifier: Apache-2.0
#include "executor/volume_owner.h"

#include <gtest/gtest.h>

#include "os/dir.h"
#include "os/system.h"
#include "os/test_temp_dir.h"

namespace kiln::executor {
namespace {

using os::test::must;

TEST(VolumeOwner, FoldersOfTheMachineKeepTheirOwners) {
  for (const char* path : {"/", "/etc", "/home", "/var/lib", "/tmp"})
    EXPECT_TRUE(belongs_to_machine(path)) << path;
  EXPECT_TRUE(belongs_to_machine(os::environment("HOME").value_or("/root")));
  for (const char* path : {"/etc/x", "/home/a", "/data", "/tmp/x", ""})
    EXPECT_FALSE(belongs_to_machine(path)) << path;
}

TEST(VolumeOwner, EverythingBelowIsGivenAndNoSymlinkFollowed) {
  const os::test::TempDir temp;
  const os::Dir sub = temp.make_dir("v/sub");
  temp.write("v/sub/f", "x");
  temp.write("outside", "x");
  const os::Dir v = temp.make_dir("v");
  must(v.create_symlink("link", "../outside"));
  const os::FileInfo before = must(temp.dir().stat("outside"));
  if (before.uid != 0) GTEST_SKIP() << "only root may give files away";
  must(give_to_user(temp.path("v"), 1234, 55));
  for (const os::FileInfo& info : {must(temp.dir().stat("v")), must(v.stat("sub")),
                                   must(v.stat("link")), must(sub.stat("f"))}) {
    EXPECT_EQ(info.uid, 1234U);
    EXPECT_EQ(info.gid, 55U);
  }
  EXPECT_EQ(must(temp.dir().stat("outside")).uid, before.uid);
}

TEST(VolumeOwner, AbsentIsAnError) {
  const os::test::TempDir temp;
  EXPECT_EQ(give_to_user(temp.path("none"), 0, 0).error().kind(), ErrorKind::not_found);
}

}  // namespace
}  // namespace kiln::executor
