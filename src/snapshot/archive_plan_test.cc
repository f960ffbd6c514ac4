// SPDX-License-Identifier: Apache-2.0
#include "snapshot/archive_plan.h"

#include <gtest/gtest.h>

#include "os/test_mounts.h"
#include "snapshot/test_tar.h"
#include "store/store.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;
using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;
using test::describe;
using test::ignore_content;
using test::Tar;

/// Archives over one lower layer, "base"; what is beside the store must stay as it is.
class ArchivePlan : public ::testing::Test {
 protected:
  ArchivePlan() { top_.write("victim", "precious"); }
  void SetUp() override {
    if (!reason_.empty()) GTEST_SKIP() << reason_;
  }
  void TearDown() override { EXPECT_EQ(top_.read("victim"), "precious"); }

  Result<void> plan(Tar& tar, std::string_view target = "") {
    const std::string text = tar.text();
    archive::MemorySource source(archive::as_bytes(text));
    archive::TarReader reader(source);
    return plan_archive(reader, builder(), os::RelPath::clean(target), scratch_, {});
  }
  LayerBuilder& builder() {
    if (!builder_) {
      std::vector<os::Dir> layers;
      layers.push_back(must(base_.open_dir(".")));
      view_.emplace(std::move(layers));
      builder_.emplace(must(LayerBuilder::create(*view_, {})));
    }
    return *builder_;
  }
  /// The layer, whose diff ID is checked against the directory's.
  std::map<std::string, std::string> layer() {
    layer_.emplace(must(store_.layers().create()));
    const auto info = must(builder().write(*layer_, ignore_content));
    EXPECT_EQ(info.diff_id, must(digest_tree(layer_->fs())).diff_id);
    return describe(layer_->fs());
  }
  std::string read(std::string_view path) {
    const auto at = os::RelPath::clean(path);
    return os::test::read_file_in(must(layer_->fs().open_dir_beneath(at.parent())), at.name());
  }
  void expect_corrupt(Tar& tar, std::string_view part, std::string_view target = "") {
    const auto planned = plan(tar, target);
    ASSERT_FALSE(planned.ok());
    EXPECT_EQ(planned.error().kind(), ErrorKind::corrupt) << planned.error().message();
    EXPECT_NE(planned.error().message().find(part), std::string::npos) << planned.error().message();
  }

  /// First: directories that are made on the way are root's.
  const std::string& reason_ = os::test::why_no_mounts();
  TempDir top_;
  os::Dir base_ = top_.make_dir("base");
  os::Dir scratch_ = top_.make_dir("scratch");
  store::Store store_ = must(store::Store::open(top_.path("store")));
  std::optional<LayerView> view_;
  std::optional<LayerBuilder> builder_;
  std::optional<store::LayerIngest> layer_;
};

TEST_F(ArchivePlan, ImpliedParentsLeaveTheImagesDirectoriesAsTheyAre) {
  must(base_.create_dir("private", 0700));
  must(base_.set_mode("private", 0700));
  must(base_.create_symlink("link", "private"));
  Tar tar;
  tar.file("private/a", "one").file("link/b", "two").file("new/deep/c", "three");
  must(plan(tar));
  layer();
  EXPECT_EQ(must(layer_->fs().stat("private")).permissions, 0700u);
  EXPECT_EQ(must(layer_->fs().stat("new")).permissions, 0755u);
  EXPECT_FALSE(must(layer_->fs().find("link")));
  EXPECT_EQ(read("private/b"), "two");
}

TEST_F(ArchivePlan, SymlinksAreResolvedBelowTheTarget) {
  must(base_.create_dir("d", 0755));
  const os::Dir d = must(base_.open_dir("d"));
  must(d.create_symlink("abs", "/real"));
  Tar tar;
  tar.file("abs/x", "one").symlink("own", "/other").file("own/y", "two");
  must(plan(tar, "d"));
  layer();
  EXPECT_EQ(read("d/real/x"), "one");
  EXPECT_EQ(read("d/other/y"), "two");
}

TEST_F(ArchivePlan, WhatClimbsOutIsRefused) {
  for (const char* name : {"../victim", "a/../../victim", ".."}) {
    Tar tar;
    tar.file(name, "owned");
    expect_corrupt(tar, name);
  }
  Tar link;
  link.symlink("out", "../..").file("out/escaped", "owned");
  expect_corrupt(link, "out/escaped", "d");
  Tar hard;
  hard.hardlink("h", "../../victim");
  expect_corrupt(hard, "leads outside");
}

TEST_F(ArchivePlan, AbsoluteNamesAreBelowTheTarget) {
  Tar tar;
  tar.file(top_.path("victim"), "mine").symlink("s", "../../x");
  must(plan(tar, "d"));
  layer();
  EXPECT_EQ(read("d" + top_.path("victim")), "mine");
}

TEST_F(ArchivePlan, HardLinkToAFileOfTheImageBringsItIntoTheLayer) {
  write_file_in(base_, "f", "of the image");
  must(base_.create_symlink("s", "f"));
  Tar tar;
  tar.hardlink("h", "f").hardlink("hs", "s");
  must(plan(tar));
  layer();
  EXPECT_EQ(must(layer_->fs().stat("f")).inode, must(layer_->fs().stat("h")).inode);
  EXPECT_EQ(must(layer_->fs().stat("f")).mtime, 50);
  EXPECT_EQ(read("h"), "of the image");
  EXPECT_EQ(must(layer_->fs().stat("s")).inode, must(layer_->fs().stat("hs")).inode);
  EXPECT_EQ(must(layer_->fs().read_link("hs")), "f");
}

TEST_F(ArchivePlan, HardLinksMetadataIsTheFiles) {
  Tar tar;
  TarEntry link = Tar::make(EntryType::hardlink, "a");
  link.link_target = "f";
  link.mode = 0600;
  link.mtime = 77;
  tar.file("f", "x").add(link);
  must(plan(tar));
  layer();
  EXPECT_EQ(must(layer_->fs().stat("f")).permissions, 0600u);
  EXPECT_EQ(must(layer_->fs().stat("f")).mtime, 77);
}

TEST_F(ArchivePlan, HardLinkToAReplacedNameKeepsTheOldContent) {
  Tar tar;
  tar.file("f", "old").hardlink("h", "f").file("f", "new");
  must(plan(tar));
  layer();
  EXPECT_EQ(read("h"), "old");
  EXPECT_EQ(read("f"), "new");
}

TEST_F(ArchivePlan, HardLinksToNothingAreCorrupt) {
  for (const char* target : {"missing", "h", "/", "d", "h/below"}) {
    SCOPED_TRACE(target);
    Tar tar;
    tar.dir("d").hardlink("h", target);
    expect_corrupt(tar, "entry \"h\"");
  }
}

TEST_F(ArchivePlan, FileInTheWayOfADirectoryIsCorrupt) {
  write_file_in(base_, "file", "x");
  Tar below;
  below.file("file/x", "y");
  expect_corrupt(below, "file is not a directory");
  Tar own;
  own.file("x", "1").file("x/y", "2");
  expect_corrupt(own, "x is not a directory");
}

TEST_F(ArchivePlan, LoopOfSymlinksEnds) {
  Tar tar;
  tar.symlink("a", "b").symlink("b", "a").file("a/f");
  expect_corrupt(tar, "too many levels");
}

TEST_F(ArchivePlan, LaterEntryReplacesEarlierOne) {
  Tar tar;
  tar.dir("d")
      .file("d/f")
      .file("d", "a file now")
      .file("e", "a file")
      .dir("e")
      .file("e/f", "in it");
  must(plan(tar));
  layer();
  EXPECT_EQ(read("d"), "a file now");
  EXPECT_EQ(read("e/f"), "in it");
}

TEST_F(ArchivePlan, RootEntriesMeanNothing) {
  Tar tar;
  TarEntry root = Tar::make(EntryType::directory, ".");
  root.mode = 0700;
  tar.add(root).file(".", "nothing").file("f", "x");
  must(plan(tar));
  const auto made = layer();
  EXPECT_EQ(made.size(), 2u);
  EXPECT_EQ(must(layer_->fs().stat(".")).permissions, must(base_.stat(".")).permissions);
}

TEST_F(ArchivePlan, WhiteoutsAreNeverMade) {
  Tar device;
  device.add(Tar::make(EntryType::char_device, "etc"));
  expect_corrupt(device, "0/0");
  Tar dir;
  TarEntry marked = Tar::make(EntryType::directory, "d");
  marked.mode = 0755;
  marked.xattrs = {{kOpaqueXattr, "y"}, {kDeviceXattr, "c 1 3"}, {"user.fine", "1"}};
  dir.add(marked);
  must(plan(dir));
  layer();
  EXPECT_EQ(must(layer_->fs().xattrs("d")), (os::Xattrs{{"user.fine", "1"}}));
}

TEST_F(ArchivePlan, TruncatedContentIsCorrupt) {
  Tar tar;
  tar.file("f", std::string(5000, 'x'));
  const std::string text = tar.text().substr(0, 3000);
  archive::MemorySource source(archive::as_bytes(text));
  archive::TarReader reader(source);
  const auto planned = plan_archive(reader, builder(), {}, scratch_, {});
  ASSERT_FALSE(planned.ok());
  EXPECT_EQ(planned.error().kind(), ErrorKind::corrupt);
}

}  // namespace
}  // namespace kiln::snapshot
