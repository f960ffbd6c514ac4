// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshot/test_tar.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;
using os::test::must;
using os::test::TempDir;
using test::describe;
using test::Tar;
using test::untar;

/// An empty root beside files that must stay as they are.
class HostileTar : public ::testing::Test {
 protected:
  HostileTar() {
    top_.make_dir("outside/dir");
    top_.write("outside/file", "precious");
    top_.write("victim", "precious");
    before_ = describe_others();
  }
  void TearDown() override {
    EXPECT_EQ(before_, describe_others()) << "something outside of the root changed";
  }

  std::map<std::string, std::string> describe_others() const {
    auto all = describe(top_.dir());
    std::erase_if(
        all, [](const auto& item) { return item.first.starts_with("root") || item.first.empty(); });
    return all;
  }
  void expect_corrupt(Tar& tar) {
    const auto unpacked = untar(tar.text(), root_);
    ASSERT_FALSE(unpacked.ok());
    EXPECT_EQ(unpacked.error().kind(), ErrorKind::corrupt) << unpacked.error().message();
  }

  TempDir top_;
  os::Dir root_ = top_.make_dir("root");
  std::map<std::string, std::string> before_;
};

TEST_F(HostileTar, NamesThatClimbOutAreRefused) {
  for (const char* name :
       {"../victim", "a/../../victim", "./../victim", "..", "a/b/../../../victim", "../root/x"}) {
    SCOPED_TRACE(name);
    Tar tar;
    tar.file(name, "owned");
    expect_corrupt(tar);
  }
}

TEST_F(HostileTar, ErrorNamesTheEntry) {
  Tar tar;
  tar.file("../victim", "owned");
  const auto unpacked = untar(tar.text(), root_);
  ASSERT_FALSE(unpacked.ok());
  EXPECT_NE(unpacked.error().message().find("../victim"), std::string::npos)
      << unpacked.error().message();
}

TEST_F(HostileTar, AbsoluteNamesInALayerAreRefused) {
  for (const std::string& name : {top_.path("victim"), std::string("/x"), std::string("//x")}) {
    Tar tar;
    tar.file(name, "owned");
    expect_corrupt(tar);
  }
}

TEST_F(HostileTar, WritesThroughAbsoluteSymlinksStayInside) {
  Tar tar;
  tar.symlink("l", top_.path("outside")).file("l/file", "owned");
  const auto unpacked = untar(tar.text(), root_);
  EXPECT_FALSE(unpacked.ok()) << "the folder is a symlink to nothing inside";
}

TEST_F(HostileTar, WritesThroughChainsOfSymlinksStayInside) {
  Tar tar;
  tar.dir("d")
      .dir("d/e")
      .symlink("d/e/up", "../..")
      .symlink("d/up", "e/up/d/e/up")
      .file("d/up/x", "in root");
  must(untar(tar.text(), root_));
  EXPECT_EQ(top_.read("root/x"), "in root");
}

TEST_F(HostileTar, SymlinkThroughSymlinkedFolderCannotClimb) {
  // Lexically "a/b/c/../../.." is the root; through the link it is above it.
  Tar tar;
  tar.dir("a").dir("a/b").dir("a/b/c").symlink("a/b/c/l", "../../..").symlink("short", "a/b/c/l");
  tar.symlink("short/climb", "..")
      .file("climb/victim", "in root")
      .file("climb/outside/file", "in root");
  (void)untar(tar.text(), root_).ok();
}

TEST_F(HostileTar, FileReplacesASymlinkInsteadOfWritingThroughIt) {
  Tar tar;
  tar.symlink("l", top_.path("victim")).file("l", "mine");
  must(untar(tar.text(), root_));
  EXPECT_EQ(top_.read("root/l"), "mine");
  EXPECT_EQ(must(root_.stat("l")).type, os::FileType::file);
}

TEST_F(HostileTar, DirectoryEntryOverASymlinkDoesNotChangeItsTarget) {
  Tar tar;
  tar.symlink("l", top_.path("outside/dir"));
  TarEntry dir = Tar::make(EntryType::directory, "l");
  dir.mode = 07777;
  dir.xattrs["user.owned"] = "1";
  tar.add(dir);
  must(untar(tar.text(), root_));
  EXPECT_EQ(must(root_.stat("l")).type, os::FileType::directory);
}

TEST_F(HostileTar, HardLinksToOutsideAreRefused) {
  for (const std::string& target : {std::string("../victim"), std::string("a/../../victim"),
                                    top_.path("victim"), std::string("..")}) {
    SCOPED_TRACE(target);
    Tar tar;
    tar.hardlink("l", target);
    expect_corrupt(tar);
  }
}

TEST_F(HostileTar, HardLinkThroughASymlinkStaysInside) {
  Tar tar;
  tar.symlink("l", top_.path("outside")).hardlink("h", "l/file");
  expect_corrupt(tar);
}

TEST_F(HostileTar, HardLinkToASymlinkIsNotFollowed) {
  Tar tar;
  tar.symlink("l", top_.path("victim")).hardlink("h", "l").file("h", "mine");
  must(untar(tar.text(), root_));
  EXPECT_EQ(must(root_.stat("l")).type, os::FileType::symlink);
}

TEST_F(HostileTar, OwnerOfALinkToASymlinkIsTheSymlinks) {
  if (!test::is_root()) GTEST_SKIP() << "needs root to change owners";
  Tar tar;
  TarEntry link = Tar::make(EntryType::hardlink, "h");
  link.link_target = "l";
  link.uid = 1234;
  tar.symlink("l", top_.path("victim")).add(link);
  must(untar(tar.text(), root_));
}

TEST_F(HostileTar, HardLinksToNothingAreRefused) {
  for (const char* target : {"absent", "", ".", "d", "no/such/dir", "h"}) {
    SCOPED_TRACE(target);
    Tar tar;
    tar.dir("d").hardlink("h", target);
    expect_corrupt(tar);
  }
}

TEST_F(HostileTar, HardLinkToAWhiteoutIsRefused) {
  Tar tar;
  tar.file(".wh.gone", "").hardlink("h", "gone");
  expect_corrupt(tar);
}

TEST_F(HostileTar, WhiteoutsOfNoNameAreRefused) {
  for (const char* name : {".wh.", ".wh..", ".wh...", "d/.wh...", "d/.wh."}) {
    SCOPED_TRACE(name);
    Tar tar;
    tar.dir("d").file(name, "");
    expect_corrupt(tar);
  }
}

TEST_F(HostileTar, WhiteoutsThroughSymlinksStayInside) {
  Tar tar;
  tar.symlink("l", top_.path("outside")).file("l/.wh.file", "").file("l/.wh..wh..opq", "");
  EXPECT_FALSE(untar(tar.text(), root_).ok());
}

TEST_F(HostileTar, WhiteoutDeviceInALayerIsRefused) {
  Tar tar;
  tar.add(Tar::make(EntryType::char_device, "dev"));
  expect_corrupt(tar);
}

TEST_F(HostileTar, DeviceNumbersThatWouldWrapToAWhiteoutAreNone) {
  for (const auto& [major, minor] :
       {std::pair(4096u, 0u), std::pair(0u, 1u << 20), std::pair(1u << 31, 1u << 31)}) {
    Tar tar;
    TarEntry device = Tar::make(EntryType::char_device, "dev");
    device.device_major = major;
    device.device_minor = minor;
    tar.add(device);
    (void)untar(tar.text(), root_).ok();
    const auto made = must(root_.find("dev"));
    EXPECT_FALSE(made && made->is_whiteout());
  }
}

TEST_F(HostileTar, EntryThatReplacesItsOwnParent) {
  Tar tar;
  tar.dir("a")
      .dir("a/b")
      .file("a/b/c")
      .symlink("a/b", top_.path("outside"))
      .file("a/b/dir", "owned");
  EXPECT_FALSE(untar(tar.text(), root_).ok());
}

TEST_F(HostileTar, ReplacedFolderIsNotWrittenToThroughItsOldDescriptor) {
  Tar tar;
  tar.file("a/x", "1").symlink("a", "b").file("b/y", "2").file("a/z", "3");
  must(untar(tar.text(), root_));
  EXPECT_EQ(top_.read("root/b/z"), "3");
}

TEST_F(HostileTar, RootThatIsNoDirectoryIsRefused) {
  for (const char* name : {".", "./", "a/.."}) {
    Tar tar;
    tar.symlink(name, top_.path("outside"));
    expect_corrupt(tar);
  }
}

TEST_F(HostileTar, SymlinkLoopsEnd) {
  Tar tar;
  tar.symlink("a", "b").symlink("b", "a").file("a/x", "");
  EXPECT_FALSE(untar(tar.text(), root_).ok());
}

TEST_F(HostileTar, TruncatedContentIsRefusedEverywhere) {
  Tar tar;
  tar.dir("d").file("d/f", std::string(3000, 'x')).file("g", "y");
  const std::string whole = tar.text();
  for (std::size_t size = 513; size < 4608; size += 100) {
    if (size % 512 == 0) continue;
    const TempDir root;
    const auto unpacked = untar(whole.substr(0, size), root.dir());
    ASSERT_FALSE(unpacked.ok()) << size;
    ASSERT_EQ(unpacked.error().kind(), ErrorKind::corrupt) << size;
  }
}

TEST_F(HostileTar, RandomOnesNeverLeaveTheRoot) {
  const std::vector<std::string> names = {"a",   "b",    "a/b",    "a/b/c", "b/a",
                                          "a/a", "../a", "a/../b", ".wh.a", "a/.wh..wh..opq",
                                          "./a", ".wh.b"};
  const std::vector<std::string> targets = {"a",         "b",
                                            "..",        "../outside",
                                            "../victim", "/",
                                            ".",         top_.path("outside"),
                                            "a/b",       "../../outside",
                                            "b/..",      top_.path("victim")};
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    test::Random random(seed);
    const os::Dir root = top_.make_dir("root" + std::to_string(seed));
    // One archive after another: an error ends only its own.
    for (int archive = 0; archive < 6; ++archive) {
      Tar tar;
      for (unsigned i = 0; i < 4; ++i) {
        switch (random.below(5)) {
          case 0:
            tar.dir(random.of(names));
            break;
          case 1:
            tar.symlink(random.of(names), random.of(targets));
            break;
          case 2:
            tar.hardlink(random.of(names), random.of(targets));
            break;
          default:
            tar.file(random.of(names), "owned");
            break;
        }
      }
      (void)untar(tar.text(), root).ok();
    }
    ASSERT_EQ(before_, describe_others());
  }
}

}  // namespace
}  // namespace kiln::snapshot
