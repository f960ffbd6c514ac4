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

}  // namespace
}  // namespace kiln::exporter
