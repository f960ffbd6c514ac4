// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_form.h"

#include <gtest/gtest.h>

#include "os/system.h"
#include "os/test_temp_dir.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;

TEST(LayerForm, ShadowXattrsAreSeenAsWhatTheyStandFor) {
  EXPECT_EQ(image_xattrs({{"user.kiln.xattr.security.capability", "cap"}, {"user.mine", "m"}}),
            (os::Xattrs{{"security.capability", "cap"}, {"user.mine", "m"}}));
}

TEST(LayerForm, MarksAndHostLabelsAreNoPartOfAnImage) {
  EXPECT_TRUE(image_xattrs({{"user.overlay.opaque", "y"},
                            {"trusted.overlay.opaque", "y"},
                            {"user.kiln.device", "c 1 3"},
                            {"security.selinux", "label"},
                            {"security.ima", "i"},
                            {"security.evm", "e"}})
                  .empty());
}

// Processes of build steps choose the names of user.* xattrs.
TEST(LayerForm, ShadowOfAnEmptyNameIsNoXattr) {
  EXPECT_TRUE(image_xattrs({{std::string(kShadowXattrPrefix), "v"}}).empty());
}

TEST(LayerForm, ShadowsOfMarksAreNoPartOfAnImage) {
  EXPECT_TRUE(image_xattrs({{"user.kiln.xattr.user.overlay.opaque", "y"},
                            {"user.kiln.xattr.user.kiln.device", "c 1 3"}})
                  .empty());
}

TEST(LayerForm, OpaqueIsTheValueYAlone) {
  EXPECT_TRUE(is_opaque({{kOpaqueXattr, "y"}}));
  EXPECT_FALSE(is_opaque({{kOpaqueXattr, "x"}}));
  EXPECT_FALSE(is_opaque({{kOpaqueXattr, ""}}));
  EXPECT_FALSE(is_opaque({}));
}

TEST(LayerForm, ShadowDeviceIsReadFromItsXattr) {
  const auto null = shadow_device({{kDeviceXattr, "c 1 3"}});
  ASSERT_TRUE(null.has_value());
  EXPECT_EQ(null->type, archive::EntryType::char_device);
  EXPECT_EQ(null->major, 1u);
  EXPECT_EQ(null->minor, 3u);
  const auto disk = shadow_device({{kDeviceXattr, "b 8 70000"}});
  ASSERT_TRUE(disk.has_value());
  EXPECT_EQ(disk->type, archive::EntryType::block_device);
  EXPECT_EQ(disk->minor, 70000u);
}

TEST(LayerForm, WhatIsNoDeviceIsNoShadow) {
  for (const char* text :
       {"", "c", "c 1", "c 1 3 4", "c -1 3", "c 1 x", "z 1 3", "c 4294967296 0", "char 1 3"}) {
    EXPECT_FALSE(shadow_device({{kDeviceXattr, text}}).has_value()) << text;
  }
  EXPECT_FALSE(shadow_device({}).has_value());
}

TEST(LayerForm, MetadataIsWhollyApplied) {
  const TempDir top;
  write_file_in(top.dir(), "f", "x");
  Metadata metadata{04751, os::effective_uid(), must(top.dir().stat(".")).gid, -1'000'000,
                    5,     {{"user.a", "1"}}};
  must(apply_metadata(top.dir(), "f", false, metadata));
  const auto info = must(top.dir().stat("f"));
  EXPECT_EQ(info.permissions, 04751u);
  EXPECT_EQ(info.mtime, -1'000'000);
  EXPECT_EQ(info.mtime_nanoseconds, 5u);
  EXPECT_EQ(must(top.dir().xattrs("f")), metadata.xattrs);
}

TEST(LayerForm, CapabilitiesAndSetuidOutliveAChangeOfOwner) {
  if (os::effective_uid() != 0) GTEST_SKIP() << "needs root to change owners";
  const TempDir top;
  write_file_in(top.dir(), "f", "x");
  const std::string cap("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  must(
      apply_metadata(top.dir(), "f", false, {06755, 12, 34, 1, 0, {{"security.capability", cap}}}));
  const auto info = must(top.dir().stat("f"));
  EXPECT_EQ(info.permissions, 06755u);
  EXPECT_EQ(info.uid, 12u);
  EXPECT_EQ(info.gid, 34u);
  EXPECT_EQ(must(top.dir().find_xattr("f", "security.capability")), cap);
}

TEST(LayerForm, SymlinksKeepTheirTargetsUntouched) {
  const TempDir top;
  write_file_in(top.dir(), "target", "x");
  must(top.dir().set_mode("target", 0600));
  must(top.dir().create_symlink("link", "target"));
  const auto before = must(top.dir().stat("target"));
  must(apply_metadata(top.dir(), "link", true,
                      {0777, before.uid, before.gid, 9, 0, {{"user.a", "1"}}}));
  const auto after = must(top.dir().stat("target"));
  EXPECT_EQ(after.permissions, 0600u);
  EXPECT_EQ(after.mtime, before.mtime);
  EXPECT_TRUE(must(top.dir().xattrs("target")).empty());
  EXPECT_EQ(must(top.dir().stat("link")).mtime, 9);
}

TEST(LayerForm, MarksInMetadataNeverReachTheDisk) {
  const TempDir top;
  const os::Dir dir = top.make_dir("d");
  const auto info = must(dir.stat("."));
  must(apply_metadata(
      top.dir(), "d", false,
      {0755, info.uid, info.gid, 1, 0, {{kOpaqueXattr, "y"}, {kDeviceXattr, "c 1 3"}}}));
  EXPECT_TRUE(must(top.dir().xattrs("d")).empty());
}

TEST(LayerForm, DeviceIsANodeOrItsShadow) {
  const TempDir top;
  must(create_device(top.dir(), "null", archive::EntryType::char_device, 1, 3));
  const auto info = must(top.dir().stat("null"));
  if (info.type == os::FileType::char_device) {
    EXPECT_EQ(info.rdev_major, 1u);
    EXPECT_EQ(info.rdev_minor, 3u);
  } else {
    const auto shadow = shadow_device(must(top.dir().xattrs("null")));
    ASSERT_TRUE(shadow.has_value());
    EXPECT_EQ(shadow->minor, 3u);
  }
}

}  // namespace
}  // namespace kiln::snapshot
