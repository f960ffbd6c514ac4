// SPDX-License-Identifier: Apache-2.0
#include "os/dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/test_temp_dir.h"

namespace kiln::os {
namespace {

using test::must;
using test::TempDir;
using test::write_file_in;
using testing::ElementsAre;

TEST(RelPath, CleaningStopsAtTheRoot) {
  for (const auto& [text, clean] :
       std::vector<std::pair<const char*, const char*>>{{"", ""},
                                                        {"/", ""},
                                                        {".", ""},
                                                        {"..", ""},
                                                        {"/../..", ""},
                                                        {"a", "a"},
                                                        {"//a///b//", "a/b"},
                                                        {"a/./b/.", "a/b"},
                                                        {"a/../b", "b"},
                                                        {"a/b/../../../c", "c"},
                                                        {"../../etc", "etc"},
                                                        {"...", "..."},
                                                        {"a/..b/", "a/..b"},
                                                        {" ", " "}})
    EXPECT_EQ(RelPath::clean(text).str(), clean) << text;
}

TEST(RelPath, PartsMakeTheWhole) {
  const RelPath path = RelPath() / "a" / "b" / "c";
  EXPECT_EQ(path.str(), "a/b/c");
  EXPECT_EQ(path.parent().str(), "a/b");
  EXPECT_EQ(path.name(), "c");
  EXPECT_THAT(path.components(), ElementsAre("a", "b", "c"));
  const RelPath root;
  EXPECT_TRUE(root.is_root() && root.parent().is_root() && root.components().empty());
  EXPECT_FALSE(path.is_root());
}

class DirTest : public ::testing::Test {
 protected:
  DirTest() {
    outside_.write("secret", "precious");
    must(outside_.dir().set_mode("secret", 0600));
  }
  void TearDown() override {
    EXPECT_EQ(outside_.read("secret"), "precious");
    const auto info = must(outside_.dir().stat("secret"));
    EXPECT_EQ(info.permissions, 0600u) << "changed through a symlink";
    EXPECT_GT(info.mtime, 1000);
    EXPECT_TRUE(must(outside_.dir().xattrs("secret")).empty());
  }
  TempDir outside_, top_;
  const Dir& dir_ = top_.dir();
};

TEST_F(DirTest, ListsEverythingSortedByBytes) {
  for (const char* name : {"b", "a", "B", "a-", "\xff", ".x", "\xc3\xa4"})
    write_file_in(dir_, name, "");
  std::vector<std::string> names;
  for (const auto& entry : must(dir_.list())) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre(".x", "B", "a", "a-", "b", "\xc3\xa4", "\xff"));
  EXPECT_EQ(must(dir_.list()).size(), 7u) << "a second time";
}

TEST_F(DirTest, StatTellsEveryType) {
  must(dir_.create_dir("d", 0700));
  must(dir_.create_symlink("l", "d"));
  must(dir_.create_fifo("p", 0600));
  must(dir_.create_whiteout("w"));
  write_file_in(dir_, "f", "four");
  EXPECT_EQ(must(dir_.stat("d")).type, FileType::directory);
  EXPECT_EQ(must(dir_.stat("l")).type, FileType::symlink);
  EXPECT_EQ(must(dir_.stat("p")).type, FileType::fifo);
  EXPECT_TRUE(must(dir_.stat("w")).is_whiteout());
  EXPECT_EQ(must(dir_.stat("f")).size, 4u);
  EXPECT_EQ(must(dir_.stat(".")).type, FileType::directory);
}

TEST_F(DirTest, AbsenceIsNoErrorForFindAndOneForStat) {
  EXPECT_FALSE(must(dir_.find("absent")).has_value());
  const auto stat = dir_.stat("absent");
  ASSERT_FALSE(stat.ok());
  EXPECT_EQ(stat.error().kind(), ErrorKind::not_found);
  EXPECT_NE(stat.error().message().find(top_.path("absent")), std::string::npos);
}

TEST_F(DirTest, SymlinkAtANameIsNeverFollowed) {
  must(dir_.create_symlink("l", outside_.path("secret")));
  must(dir_.create_symlink("d", outside_.path()));
  EXPECT_FALSE(dir_.open_dir("d").ok());
  EXPECT_FALSE(dir_.open_for_reading("l").ok());
  EXPECT_FALSE(dir_.create_file("l", 0600).ok());
  EXPECT_EQ(must(dir_.stat("l")).type, FileType::symlink);
  must(dir_.set_mtime("l", 5, 0));
  (void)dir_.set_xattr("l", "user.x", "1").ok();
  must(dir_.create_hardlink("hard", dir_, "l"));
  EXPECT_EQ(must(dir_.stat("hard")).type, FileType::symlink);
  must(dir_.remove_tree("d"));
  EXPECT_FALSE(must(dir_.find("d")).has_value());
}

TEST_F(DirTest, ModeOfASymlinksTargetIsNotChanged) {
  must(dir_.create_symlink("l", outside_.path("secret")));
  (void)dir_.set_mode("l", 0777).ok();
  EXPECT_EQ(must(outside_.dir().stat("secret")).permissions, 0600u);
  must(outside_.dir().set_mode("secret", 0600));
}

TEST_F(DirTest, PathsInARootAreResolvedAsInAChroot) {
  top_.make_dir("etc");
  top_.write("etc/f", "inside");
  must(dir_.create_symlink("abs", "/etc/f"));
  must(dir_.create_symlink("up", "../../../etc/f"));
  must(dir_.create_symlink("out", outside_.path("secret")));
  for (const char* path : {"abs", "up", "/etc/f", "../../etc/f", "etc/../etc/f"})
    EXPECT_EQ(must(read_all(must(dir_.open_in_root(path, 0)), path, 100)), "inside") << path;
  EXPECT_FALSE(dir_.open_in_root("out", 0).ok());
  EXPECT_TRUE(dir_.open_dir_in_root("").ok());
  EXPECT_FALSE(dir_.open_dir_in_root("etc/f").ok());
}

TEST_F(DirTest, TextInARootIsThatOfAPlainFileInIt) {
  top_.make_dir("etc");
  top_.write("etc/f", "inside");
  must(dir_.create_symlink("abs", "/etc/f"));
  must(dir_.create_symlink("out", outside_.path("secret")));
  must(dir_.create_symlink("loop", "loop"));
  must(dir_.create_fifo("fifo", 0600));
  EXPECT_EQ(must(dir_.find_text_in_root("/etc/f", 6)), "inside");
  EXPECT_EQ(must(dir_.find_text_in_root("abs", 6)), "inside");
  for (const char* path : {"/etc", "/etc/g", "/etc/f/g", "out", "fifo", "/"})
    EXPECT_EQ(must(dir_.find_text_in_root(path, 6)), std::nullopt) << path;
  EXPECT_FALSE(dir_.find_text_in_root("etc/f", 5).ok());
  EXPECT_FALSE(dir_.find_text_in_root("loop", 5).ok());
}

TEST_F(DirTest, PathsBeneathFollowNoSymlink) {
  top_.make_dir("a/b");
  top_.write("a/b/f", "x");
  must(dir_.create_symlink("link", "a"));
  must(must(dir_.open_dir("a")).create_symlink("last", "b"));
  EXPECT_TRUE(must(dir_.find_beneath(RelPath::clean("a/b/f"))).has_value());
  EXPECT_FALSE(must(dir_.find_beneath(RelPath::clean("link/b/f"))).has_value());
  EXPECT_FALSE(must(dir_.find_beneath(RelPath::clean("a/b/f/x"))).has_value());
  EXPECT_FALSE(must(dir_.find_beneath(RelPath::clean("no/such"))).has_value());
  EXPECT_EQ(must(dir_.find_beneath(RelPath::clean("a/last")))->type, FileType::symlink);
  EXPECT_EQ(must(dir_.find_beneath(RelPath()))->type, FileType::directory);
  EXPECT_FALSE(dir_.open_dir_beneath(RelPath::clean("link/b")).ok());
  EXPECT_FALSE(dir_.open_dir_beneath(RelPath::clean("a/last")).ok());
  EXPECT_TRUE(dir_.open_dir_beneath(RelPath::clean("a/b")).ok());
  EXPECT_TRUE(dir_.open_dir_beneath({}).ok());
  EXPECT_FALSE(dir_.open_file_beneath(RelPath::clean("link/b/f")).ok());
  EXPECT_TRUE(dir_.open_file_beneath(RelPath::clean("a/b/f")).ok());
}

TEST_F(DirTest, XattrsComeBackAsTheyWere) {
  write_file_in(dir_, "f", "");
  const std::string bytes("\0\xff\n", 3), large(1000, 'x');
  must(dir_.set_xattr("f", "user.bytes", bytes));
  must(dir_.set_xattr("f", "user.large", large));
  must(dir_.set_xattr("f", "user.none", ""));
  EXPECT_EQ(must(dir_.xattrs("f")),
            (Xattrs{{"user.bytes", bytes}, {"user.large", large}, {"user.none", ""}}));
  EXPECT_EQ(must(dir_.find_xattr("f", "user.bytes")), bytes);
  EXPECT_EQ(must(dir_.find_xattr("f", "user.absent")), std::nullopt);
  must(dir_.remove_xattr("f", "user.bytes"));
  must(dir_.remove_xattr("f", "user.bytes"));
  EXPECT_EQ(must(dir_.find_xattr("f", "user.bytes")), std::nullopt);
  must(dir_.set_xattr(".", "user.own", "1"));
  EXPECT_EQ(must(dir_.find_xattr(".", "user.own")), "1");
  EXPECT_TRUE(must(dir_.has_xattr_beneath({}, "user.own", "1")));
  EXPECT_FALSE(must(dir_.has_xattr_beneath({}, "user.own", "2")));
}

TEST_F(DirTest, RemoveTreeTakesWhateverIsThere) {
  must(dir_.remove_tree("absent"));
  top_.make_dir("t/a/b");
  top_.write("t/a/b/f", "x");
  must(must(dir_.open_dir("t")).create_symlink("l", outside_.path()));
  must(must(dir_.open_dir("t")).create_whiteout("w"));
  must(must(dir_.open_dir("t")).set_mode("a", 0));
  must(dir_.remove_tree("t"));
  EXPECT_FALSE(must(dir_.find("t")).has_value());
}

TEST_F(DirTest, RemoveTreeTakesAsDeepAsTheFileSystemHolds) {
  Dir at = must(dir_.open_dir("."));
  for (int i = 0; i < 3000; ++i) {
    must(at.create_dir("d", 0700));
    at = must(at.open_dir("d"));
  }
  at = Dir();
  const auto removed = dir_.remove_tree("d");
  EXPECT_TRUE(removed.ok()) << removed.error().message().substr(
      removed.error().message().rfind(':'));
  if (!removed.ok()) {
    for (int i = 0; i < 10 && !dir_.remove_tree("d").ok(); ++i) {
      // What can't be removed at once is flattened, so that nothing is left behind.
      Dir deep = must(dir_.open_dir("d"));
      for (int j = 0; j < 500; ++j) deep = must(deep.open_dir("d"));
      must(deep.rename("d", dir_, "rest" + std::to_string(i)));
      must(dir_.remove_tree("d"));
      must(dir_.rename("rest" + std::to_string(i), dir_, "d"));
    }
  }
}

TEST_F(DirTest, CreatingWhatIsThereFails) {
  write_file_in(dir_, "f", "x");
  for (const auto& result :
       {dir_.create_dir("f", 0700), dir_.create_symlink("f", "x"), dir_.create_fifo("f", 0600),
        dir_.create_whiteout("f"), dir_.create_hardlink("f", dir_, "f")}) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind(), ErrorKind::already_exists);
  }
  EXPECT_EQ(dir_.create_file("f", 0600).error().kind(), ErrorKind::already_exists);
}

TEST_F(DirTest, TimesBeforeAndFarAfterTheEpoch) {
  write_file_in(dir_, "f", "");
  for (const std::int64_t seconds : {std::int64_t{-1}, std::int64_t{-2'000'000'000},
                                     std::int64_t{0}, std::int64_t{4'000'000'000}}) {
    must(dir_.set_mtime("f", seconds, 999'999'999));
    EXPECT_EQ(must(dir_.stat("f")).mtime, seconds);
    EXPECT_EQ(must(dir_.stat("f")).mtime_nanoseconds, 999'999'999u);
  }
}

TEST_F(DirTest, ReadingAFifoDoesNotHang) {
  must(dir_.create_fifo("p", 0600));
  EXPECT_TRUE(dir_.open_for_reading("p").ok());
  EXPECT_TRUE(dir_.open_file_beneath(RelPath::clean("p")).ok());
}

TEST_F(DirTest, DataRangesLeaveOutHoles) {
  const Fd fd = must(dir_.create_file("f", 0600));
  must(resize_file(fd, 10 << 20, "f"));
  must(write_at(fd, std::as_bytes(std::span("data")), 5 << 20, "f"));
  std::uint64_t covered = 0, end = 0;
  bool found = false;
  must(for_each_data_range(fd, 10 << 20, "f",
                           [&](std::uint64_t offset, std::uint64_t length) -> Result<void> {
                             EXPECT_GE(offset, end);
                             end = offset + length;
                             covered += length;
                             found |= offset <= (5u << 20) && end >= (5u << 20) + 5;
                             return {};
                           }));
  EXPECT_TRUE(found);
  EXPECT_LE(end, 10u << 20);
  EXPECT_LT(covered, 1u << 20);
}

}  // namespace
}  // namespace kiln::os
