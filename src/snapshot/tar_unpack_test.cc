// SPDX-License-Identifier: Apache-2.0
#include "snapshot/tar_unpack.h"

#include <gtest/gtest.h>

#include "archive/tar_test_kit.h"
#include "snapshot/test_tar.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;
using os::test::must;
using os::test::read_file_in;
using os::test::TempDir;
using test::Tar;
using test::untar;

class TarUnpack : public ::testing::Test {
 protected:
  Result<UnpackedTree> unpack(Tar& tar) { return untar(tar.text(), root_); }
  std::string read(std::string_view path) const { return top_.read("root/" + std::string(path)); }

  TempDir top_;
  os::Dir root_ = top_.make_dir("root");
};

TEST_F(TarUnpack, LaterEntryReplacesEarlierOne) {
  Tar tar;
  tar.file("a", "old").file("a", "new").dir("d").file("d/x").file("d", "a file now");
  must(unpack(tar));
  EXPECT_EQ(read("a"), "new");
  EXPECT_EQ(read("d"), "a file now");
}

TEST_F(TarUnpack, FileReplacesADirectoryBelowAFolder) {
  Tar tar;
  tar.dir("a").dir("a/b").file("a/x").file("a/b", "a file now").file("a/y", "after");
  must(unpack(tar));
  EXPECT_EQ(read("a/b"), "a file now");
  EXPECT_EQ(read("a/y"), "after");
}

TEST_F(TarUnpack, ReplacingAHardLinkLeavesItsPartnerAlone) {
  Tar tar;
  tar.file("a", "first").hardlink("b", "a").file("a", "second");
  must(unpack(tar));
  EXPECT_EQ(read("a"), "second");
  EXPECT_EQ(read("b"), "first");
}

TEST_F(TarUnpack, RepeatedDirectoryKeepsItsContent) {
  Tar tar;
  tar.dir("d").file("d/x", "kept").dir("d", 700);
  must(unpack(tar));
  EXPECT_EQ(read("d/x"), "kept");
  EXPECT_EQ(must(root_.stat("d")).mtime, 700);
}

TEST_F(TarUnpack, DirectoriesGetTheirTimesAlthoughFilesComeLater) {
  Tar tar;
  tar.dir("d", 111).dir("d/e", 222).file("d/e/x").file("d/y").dir("top", 5).file("top/z");
  must(unpack(tar));
  EXPECT_EQ(must(root_.stat("d")).mtime, 111);
  EXPECT_EQ(must(must(root_.open_dir("d")).stat("e")).mtime, 222);
  EXPECT_EQ(must(root_.stat("top")).mtime, 5);
}

TEST_F(TarUnpack, MissingDirectoriesAreMade) {
  Tar tar;
  tar.file("a/b/c", "x");
  must(unpack(tar));
  EXPECT_EQ(read("a/b/c"), "x");
  EXPECT_EQ(must(root_.stat("a")).permissions, 0755u);
}

TEST_F(TarUnpack, DepthCostsNoMoreThanItsLevels) {
  std::string deep;
  while (deep.size() < 4500) deep += "d/";
  Tar tar;
  tar.file(deep + "f", "x");
  must(unpack(tar));
  std::string at = "d";
  for (int level = 0; level < 3; ++level, at += "/d")
    EXPECT_EQ(must(root_.find_beneath(os::RelPath::clean(at)))->mtime, 0);
  EXPECT_TRUE(must(root_.find_beneath(os::RelPath::clean(deep + "f"))));
}

TEST_F(TarUnpack, NamesAreBounded) {
  Tar tar;
  tar.file(std::string(16385, 'x'));
  EXPECT_NE(unpack(tar).error().message().find("more than 16384 bytes"), std::string::npos);
}

TEST_F(TarUnpack, SymlinkedFolderLeadsLaterEntriesInside) {
  Tar tar;
  tar.dir("real")
      .symlink("link", "real")
      .file("link/x", "through")
      .symlink("abs", "/real")
      .file("abs/y", "too");
  must(unpack(tar));
  EXPECT_EQ(read("real/x"), "through");
  EXPECT_EQ(read("real/y"), "too");
}

TEST_F(TarUnpack, ReplacedSymlinkIsNotFollowedAnyMore) {
  Tar tar;
  tar.dir("real").symlink("link", "real").file("link/x").dir("link").file("link/y", "mine");
  must(unpack(tar));
  EXPECT_FALSE(top_.exists("root/real/y"));
  EXPECT_EQ(read("link/y"), "mine");
}

TEST_F(TarUnpack, WhiteoutsTakeOverlayForm) {
  Tar tar;
  tar.file(".wh.gone", "")
      .dir("d")
      .file("d/.wh..wh..opq", "")
      .file("d/.wh.x", "")
      .file("d/.wh..wh.plnk", "");
  must(unpack(tar));
  EXPECT_TRUE(must(root_.stat("gone")).is_whiteout());
  EXPECT_EQ(must(root_.find_xattr("d", kOpaqueXattr)), "y");
  const os::Dir d = must(root_.open_dir("d"));
  const auto entries = must(d.list());
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_TRUE(must(d.stat("x")).is_whiteout());
}

TEST_F(TarUnpack, WhiteoutDoesNotTouchWhatTheSameLayerHas) {
  Tar tar;
  tar.file("f", "kept").file(".wh.f", "").dir("d").file("d/x", "kept").file(".wh.d", "");
  must(unpack(tar));
  EXPECT_EQ(read("f"), "kept");
  EXPECT_EQ(read("d/x"), "kept");
  EXPECT_EQ(must(root_.find_xattr("d", kOpaqueXattr)), "y");
}

TEST_F(TarUnpack, WhiteoutThenDirectoryIsAnOpaqueDirectory) {
  Tar tar;
  tar.file(".wh.d", "")
      .dir("d")
      .file("d/x")
      .file(".wh.e", "")
      .file("e/y")
      .file(".wh.f", "")
      .file("f", "new");
  must(unpack(tar));
  EXPECT_EQ(must(root_.find_xattr("d", kOpaqueXattr)), "y");
  EXPECT_EQ(must(root_.find_xattr("e", kOpaqueXattr)), "y");
  EXPECT_EQ(read("f"), "new");
}

TEST_F(TarUnpack, OverlayMarksInXattrsAreNotTakenOver) {
  Tar tar;
  TarEntry dir = Tar::make(EntryType::directory, "d");
  dir.xattrs = {{kOpaqueXattr, "y"},
                {"user.overlay.redirect", "/etc"},
                {kDeviceXattr, "c 1 3"},
                {"user.kiln.xattr.security.capability", "x"},
                {"user.fine", "1"}};
  tar.add(dir);
  must(unpack(tar));
  EXPECT_EQ(must(root_.xattrs("d")), (os::Xattrs{{"user.fine", "1"}}));
}

TEST_F(TarUnpack, HardLinkThroughSymlinkedFolder) {
  Tar tar;
  tar.dir("real").file("real/x", "one").symlink("link", "real").hardlink("y", "link/x");
  must(unpack(tar));
  EXPECT_EQ(must(root_.stat("y")).inode, must(must(root_.open_dir("real")).stat("x")).inode);
}

TEST_F(TarUnpack, MissingFoldersAreMadeBelowThoseThatAreThere) {
  for (int there = 0; there < 10; ++there) {
    Tar tar;
    std::string path = std::to_string(there);
    for (int level = 0; level < there; ++level) path += "/d";
    tar.dir(path, 700);
    for (int level = there; level < 9; ++level) path += "/d";
    must(unpack(tar.file(path + "/f", "x")));
    EXPECT_EQ(read(path + "/f"), "x");
    const os::Dir top = must(root_.open_dir(std::to_string(there)));
    EXPECT_EQ(must(top.stat(".")).mtime, there == 0 ? 700 : 0);
  }
}

TEST_F(TarUnpack, FileOfZerosHasItsSize) {
  Tar tar;
  const std::string zeros(1'500'000, '\0');
  tar.file("z", zeros).file("m", std::string("x") + zeros).file("n", zeros + "x");
  must(unpack(tar));
  EXPECT_TRUE(read("z") == zeros);
  EXPECT_TRUE(read("m") == "x" + zeros);
  EXPECT_TRUE(read("n") == zeros + "x");
}

TEST_F(TarUnpack, ZerosBecomeHolesHoweverTheyCome) {
  const std::string zeros(std::size_t{8} << 20, '\0');
  Tar tar;
  tar.file("z", "x" + zeros + "x");
  const std::string bytes = tar.text();
  archive::test::PiecewiseSource pieces(bytes, 3001);
  archive::TarReader reader(pieces);
  must(unpack_tar(reader, root_));
  EXPECT_TRUE(read("z") == "x" + zeros + "x");
  EXPECT_LE(must(root_.stat("z")).allocated, std::uint64_t{3 * 4096});
}

TEST_F(TarUnpack, HolesAreMadeWithoutWritingZeros) {
  using archive::test::pax_record;
  constexpr std::uint64_t kSize = std::uint64_t{60} << 30;
  const std::string records =
      pax_record("GNU.sparse.major", "0") + pax_record("GNU.sparse.minor", "1") +
      pax_record("GNU.sparse.map", "1,1,32212254720,2") +
      pax_record("GNU.sparse.size", std::to_string(kSize)) + pax_record("GNU.sparse.name", "disk");
  const std::string bytes = archive::test::special('x', records) +
                            archive::test::RawHeader("f", '0', 3).text() +
                            archive::test::padded("xyz") + archive::test::trailer();
  must(untar(bytes, root_));
  const os::FileInfo info = must(root_.stat("disk"));
  EXPECT_EQ(info.size, kSize);
  EXPECT_LE(info.allocated, std::uint64_t{2 * 4096});
  const os::Fd fd = must(root_.open_for_reading("disk"));
  std::string found(4, '?');
  must(os::read_at(fd, std::as_writable_bytes(std::span(found)), 32212254719U, "disk"));
  EXPECT_EQ(found, std::string("\0yz\0", 4));
}

TEST_F(TarUnpack, EndsOnceItIsAskedTo) {
  Tar tar;
  const std::string bytes = tar.file("a").text();
  archive::MemorySource source(archive::as_bytes(bytes));
  archive::TarReader reader(source);
  std::stop_source stop;
  stop.request_stop();
  const auto unpacked = unpack_tar(reader, root_, stop.get_token());
  ASSERT_FALSE(unpacked.ok());
  EXPECT_EQ(unpacked.error().kind(), ErrorKind::cancelled);
}

}  // namespace
}  // namespace kiln::snapshot
