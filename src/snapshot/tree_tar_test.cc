// SPDX-License-Identifier: Apache-2.0
#include "snapshot/tree_tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshot/test_tar.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;
using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;
using testing::ElementsAre;

std::vector<TarEntry> entries_of(const os::Dir& root) {
  const std::string tar = test::tar_of(root);
  archive::MemorySource source(archive::as_bytes(tar));
  archive::TarReader reader(source);
  std::vector<TarEntry> entries;
  while (auto entry = must(reader.next())) entries.push_back(*std::move(entry));
  return entries;
}

std::vector<std::string> paths_of(const os::Dir& root) {
  std::vector<std::string> paths;
  for (const auto& entry : entries_of(root)) {
    if (entry.path != ".") paths.push_back(entry.path);
  }
  return paths;
}

TEST(TreeTar, NamesAreInByteOrderAndDirectoriesBeforeTheirContent) {
  const TempDir top;
  top.make_dir("a/b");
  for (const char* name : {"a-", "a.txt", "B", "a/z", "a/b/c", "\xff"}) top.write(name, "");
  EXPECT_THAT(paths_of(top.dir()),
              ElementsAre("B", "a", "a/b", "a/b/c", "a/z", "a-", "a.txt", "\xff"));
}

TEST(TreeTar, MarksAreBareAndTheOpaqueOneIsFirst) {
  const TempDir top;
  const os::Dir d = top.make_dir("d");
  must(d.set_xattr(".", kOpaqueXattr, "y"));
  must(d.create_whiteout("!gone"));
  must(d.set_mtime("!gone", 77, 0));
  write_file_in(d, "f", "x");
  EXPECT_THAT(paths_of(top.dir()), ElementsAre("d", "d/.wh..wh..opq", "d/.wh.!gone", "d/f"));
  for (const auto& entry : entries_of(top.dir())) {
    if (entry.path.find(".wh.") == std::string::npos) continue;
    TarEntry bare;
    bare.path = entry.path;
    EXPECT_EQ(entry, bare);
  }
}

TEST(TreeTar, RootIsMentionedOnlyIfItIsUnusual) {
  const TempDir top;
  must(top.dir().set_mode(".", 0700));
  const auto entries = entries_of(top.dir());
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].path, ".");
  EXPECT_EQ(entries[0].mtime, 0);
  if (!test::is_root()) GTEST_SKIP() << "the rest needs a directory of 0:0";
  must(top.dir().set_mode(".", 0755));
  must(top.dir().set_owner(".", 0, 0));
  EXPECT_TRUE(entries_of(top.dir()).empty());
}

TEST(TreeTar, FirstOfHardLinksIsTheFile) {
  const TempDir top;
  write_file_in(top.dir(), "z", "content");
  must(top.dir().create_hardlink("a", top.dir(), "z"));
  const auto entries = entries_of(top.dir());
  ASSERT_GE(entries.size(), 2u);
  const auto& last = entries.back();
  EXPECT_EQ(last.path, "z");
  EXPECT_EQ(last.type, EntryType::hardlink);
  EXPECT_EQ(last.link_target, "a");
  const auto stats = must(digest_tree(top.dir())).stats;
  EXPECT_EQ(stats.content_size, 7u);
}

TEST(TreeTar, NamesThatTheTarFormCannotHoldAreInvalid) {
  for (const char* name : {".wh.x", ".wh..wh..opq", ".wh."}) {
    for (const bool whiteout : {false, true}) {
      SCOPED_TRACE(testing::Message() << name << (whiteout ? " as a whiteout" : ""));
      const TempDir top;
      if (whiteout)
        must(top.dir().create_whiteout(name));
      else
        write_file_in(top.dir(), name, "");
      const auto digest = digest_tree(top.dir());
      ASSERT_FALSE(digest.ok());
      EXPECT_EQ(digest.error().kind(), ErrorKind::invalid_input);
    }
  }
}

TEST(TreeTar, ShadowsBecomeWhatTheyStandFor) {
  const TempDir top;
  write_file_in(top.dir(), "null", "");
  must(top.dir().set_xattr("null", kDeviceXattr, "c 1 3"));
  write_file_in(top.dir(), "ping", "");
  must(top.dir().set_xattr("ping", "user.kiln.xattr.security.capability", "cap"));
  const auto entries = entries_of(top.dir());
  const auto& device = entries[entries.size() - 2];
  EXPECT_EQ(device.type, EntryType::char_device);
  EXPECT_EQ(device.device_major, 1u);
  EXPECT_EQ(device.device_minor, 3u);
  EXPECT_TRUE(device.xattrs.empty());
  EXPECT_EQ(entries.back().xattrs, (os::Xattrs{{"security.capability", "cap"}}));
}

TEST(TreeTar, ClampedTimesAreNeverLater) {
  const TempDir top;
  const os::Dir d = top.make_dir("d");
  write_file_in(d, "new", "");
  write_file_in(d, "old", "");
  must(d.set_mtime("old", 50, 9));
  must(d.create_symlink("edge", "x"));
  must(d.set_mtime("edge", 100, 1));
  must(limit_mtimes(top.dir(), {100}));
  EXPECT_EQ(must(top.dir().stat("d")).mtime, 100);
  EXPECT_EQ(must(d.stat("new")).mtime, 100);
  EXPECT_EQ(must(d.stat("old")).mtime, 50);
  EXPECT_EQ(must(d.stat("old")).mtime_nanoseconds, 9u);
  EXPECT_EQ(must(d.stat("edge")).mtime_nanoseconds, 0u);
}

}  // namespace
}  // namespace kiln::snapshot
