// SPDX-License-Identifier: Apache-2.0
#include "exporter/tree_output.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "archive/tar_reader.h"
#include "os/file_io.h"
#include "os/test_temp_dir.h"

namespace kiln::exporter {
namespace {

namespace fs = std::filesystem;
using os::test::must;

class TreeOutput : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.make_dir("d/e");
    tree_.write("d/f", "text");
    fs::create_hard_link(tree_.path("d/f"), tree_.path("d/g"));
    fs::create_symlink("f", tree_.path("d/link"));
    fs::permissions(tree_.path("d/f"), fs::perms{0640});
  }
  OutputTree tree(const std::string& prefix = "") const { return {prefix, &tree_.dir()}; }
  std::string read(const std::string& below) const {
    return must(os::read_file(out_.path("out/" + below)));
  }
  os::test::TempDir tree_, out_;
};

TEST_F(TreeOutput, DirectoryGetsFilesModesAndLinks) {
  must(write_trees_to_directory({tree()}, out_.path("out")));
  EXPECT_EQ(read("d/f"), "text");
  EXPECT_EQ(fs::status(out_.path("out/d/f")).permissions(), fs::perms{0640});
  EXPECT_TRUE(fs::equivalent(out_.path("out/d/f"), out_.path("out/d/g")));
  EXPECT_EQ(fs::read_symlink(out_.path("out/d/link")), "f");
  EXPECT_TRUE(fs::is_directory(out_.path("out/d/e")));
}

TEST_F(TreeOutput, WhatIsThereStaysOrIsReplacedAndNeverFollowed) {
  fs::create_directories(out_.path("out"));
  fs::create_directories(out_.path("elsewhere"));
  out_.write("out/other", "stays");
  fs::create_symlink("../elsewhere", out_.path("out/d"));
  must(write_trees_to_directory({tree()}, out_.path("out")));
  EXPECT_EQ(read("other"), "stays");
  EXPECT_EQ(read("d/f"), "text");
  EXPECT_TRUE(fs::is_empty(out_.path("elsewhere")));
  must(write_trees_to_directory({tree()}, out_.path("out")));
  EXPECT_EQ(read("d/f"), "text");
}

TEST_F(TreeOutput, WhatIsNotOfTheResultCanBeDeleted) {
  fs::create_directories(out_.path("out/d/old/deep"));
  fs::create_directories(out_.path("out/gone"));
  fs::create_directories(out_.path("elsewhere"));
  out_.write("elsewhere/kept", "");
  out_.write("out/d/old/deep/file", "");
  out_.write("out/other", "");
  fs::create_directory_symlink("../elsewhere", out_.path("out/link"));
  must(write_trees_to_directory({tree()}, out_.path("out"), Others::remove));
  EXPECT_EQ(read("d/f"), "text");
  EXPECT_EQ(fs::last_write_time(out_.path("out/d")), fs::last_write_time(tree_.path("d")));
  EXPECT_FALSE(fs::exists(out_.path("out/d/old")));
  EXPECT_FALSE(fs::exists(out_.path("out/other")));
  EXPECT_FALSE(fs::exists(out_.path("out/gone")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(out_.path("out/link"))));
  EXPECT_TRUE(fs::exists(out_.path("elsewhere/kept")));
  must(write_trees_to_directory({tree("linux_amd64")}, out_.path("out"), Others::remove));
  EXPECT_EQ(read("linux_amd64/d/f"), "text");
  EXPECT_FALSE(fs::exists(out_.path("out/d")));
}

TEST_F(TreeOutput, PlatformsInOneFolderMayNotOverwriteEachOther) {
  os::test::TempDir other;
  other.write("d2", "text");
  OutputTree one = tree(), two{{}, &other.dir()};
  one.platform = "linux/amd64";
  two.platform = "linux/arm64";
  must(write_trees_to_directory({one, two}, out_.path("both")));
  EXPECT_TRUE(out_.exists("both/d/f") && out_.exists("both/d2"));
  other.make_dir("d");
  other.write("d/link", "text");
  const auto refused = write_trees_to_directory({one, two}, out_.path("out"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(),
            "cannot overwrite d/link from linux/amd64 with linux/arm64 when split option is "
            "disabled");
  EXPECT_FALSE(out_.exists("out"));
  archive::StringSink sink;
  EXPECT_FALSE(write_trees_to_archive({one, two}, sink).ok());
}

TEST_F(TreeOutput, PlatformsHaveFoldersOfTheirOwn) {
  must(write_trees_to_directory({tree("linux_amd64"), tree("linux_arm64")}, out_.path("out")));
  EXPECT_EQ(read("linux_amd64/d/f"), "text");
  EXPECT_EQ(read("linux_arm64/d/f"), "text");
}

TEST_F(TreeOutput, ArchiveHasAllOfItWithTheWantedTime) {
  OutputTree with_time = tree("p");
  with_time.mtime = 77;
  archive::StringSink sink;
  must(write_trees_to_archive({with_time}, sink));
  archive::MemorySource source(archive::as_bytes(sink.text()));
  archive::TarReader tar(source);
  std::map<std::string, archive::TarEntry> entries;
  for (;;) {
    const auto entry = must(tar.next());
    if (!entry) break;
    std::string path = entry->path;
    while (path.ends_with('/')) path.pop_back();
    entries[path] = *entry;
  }
  ASSERT_TRUE(entries.contains("p/d/f"));
  EXPECT_EQ(entries["p/d/f"].mode & 07777U, 0640U);
  EXPECT_EQ(entries["p/d/g"].type, archive::EntryType::hardlink);
  EXPECT_EQ(entries["p/d/g"].link_target, "p/d/f");
  EXPECT_EQ(entries["p/d/link"].link_target, "f");
  for (const auto& [path, entry] : entries) EXPECT_EQ(entry.mtime, 77) << path;
}

TEST_F(TreeOutput, EndsWhenAskedTo) {
  std::stop_source interrupt;
  interrupt.request_stop();
  archive::StringSink sink;
  const auto archived = write_trees_to_archive({tree()}, sink, interrupt.get_token());
  ASSERT_FALSE(archived.ok());
  EXPECT_EQ(archived.error().kind(), ErrorKind::cancelled);
  EXPECT_TRUE(sink.text().empty());
  const auto copied =
      write_trees_to_directory({tree()}, out_.path("out"), Others::keep, interrupt.get_token());
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().kind(), ErrorKind::cancelled);
  EXPECT_FALSE(fs::exists(out_.path("out/d/f")));
}

}  // namespace
}  // namespace kiln::exporter
