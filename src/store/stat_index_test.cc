// SPDX-License-Identifier: Apache-2.0
#include "store/stat_index.h"

#include <gtest/gtest.h>

#include <functional>

#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

constexpr TimePoint kNow{1'700'000'000, 500'000'000};

os::FileInfo old_file() {
  os::FileInfo info;
  info.type = os::FileType::file;
  info.device = 1;
  info.inode = 2;
  info.size = 3;
  info.mtime = 1'600'000'000;
  info.mtime_nanoseconds = 7;
  info.ctime = 1'600'000'001;
  info.ctime_nanoseconds = 8;
  return info;
}

FileFacts facts(std::string_view content) { return {sha256(content), "x=" + std::string(content)}; }

class StatIndexTest : public ::testing::Test {
 protected:
  StatIndex load() { return StatIndex(top_.path("index")); }
  void save_one() {
    auto index = load();
    index.put("a", old_file(), facts("a"), kNow);
    must(index.save());
  }
  TempDir top_;
};

TEST_F(StatIndexTest, RemembersUnchangedFiles) {
  save_one();
  auto index = load();
  const auto found = index.find("a", old_file());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->content, sha256("a"));
  EXPECT_EQ(found->xattrs, "x=a");
  EXPECT_FALSE(index.find("b", old_file()));
}

TEST_F(StatIndexTest, AnyChangeOfTheStatMakesAFileUnknown) {
  save_one();
  const std::vector<std::function<void(os::FileInfo&)>> changes = {
      [](auto& i) { ++i.device; },
      [](auto& i) { ++i.inode; },
      [](auto& i) { ++i.size; },
      [](auto& i) { ++i.mtime; },
      [](auto& i) { ++i.mtime_nanoseconds; },
      [](auto& i) { ++i.ctime; },
      [](auto& i) { ++i.ctime_nanoseconds; },
      [](auto& i) { --i.mtime; },
      [](auto& i) { --i.ctime; }};
  for (std::size_t n = 0; n < changes.size(); ++n) {
    auto index = load();
    os::FileInfo info = old_file();
    changes[n](info);
    EXPECT_FALSE(index.find("a", info)) << "change " << n;
  }
}

TEST_F(StatIndexTest, FileWithinTheClocksGrainIsNotTrusted) {
  for (const std::int64_t age : {-1'000'000'000, 0, 1, 4'000'000, 10'000'000}) {
    auto index = load();
    os::FileInfo info = old_file();
    const std::int64_t ctime = kNow.seconds * 1'000'000'000 + kNow.nanoseconds - age;
    info.ctime = ctime / 1'000'000'000;
    info.ctime_nanoseconds = static_cast<std::uint32_t>(ctime % 1'000'000'000);
    index.put("a", info, facts("a"), kNow);
    EXPECT_FALSE(index.find("a", info)) << age;
  }
}

TEST_F(StatIndexTest, FileSystemsWithWholeSecondsHaveACoarserGrain) {
  os::FileInfo info = old_file();
  info.mtime_nanoseconds = info.ctime_nanoseconds = 0;
  info.ctime = kNow.seconds - 1;
  auto index = load();
  index.put("a", info, facts("a"), kNow);
  EXPECT_FALSE(index.find("a", info));
}

TEST_F(StatIndexTest, RealFileThatWasJustWrittenIsNotTrusted) {
  const TimePoint before = os::wall_clock();
  top_.write("f", "x");
  auto index = load();
  const auto info = must(top_.dir().stat("f"));
  index.put("f", info, facts("x"), before);
  EXPECT_FALSE(index.find("f", info));
}

TEST_F(StatIndexTest, MissingOrForeignFileIsAnEmptyIndex) {
  EXPECT_FALSE(load().find("a", old_file()));
  for (const char* text :
       {"", "k", "kiln stat index 1\n", "kiln stat index 9\nrest", "garbage garbage garbage"}) {
    top_.write("index", text);
    auto index = load();
    EXPECT_FALSE(index.find("a", old_file()));
    index.put("a", old_file(), facts("a"), kNow);
    must(index.save());
    EXPECT_TRUE(load().find("a", old_file())) << text;
  }
}

TEST_F(StatIndexTest, TruncatedFileIsAnEmptyIndex) {
  save_one();
  const std::string whole = top_.read("index");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    top_.write("index", whole.substr(0, size));
    ASSERT_FALSE(load().find("a", old_file())) << size;
  }
  top_.write("index", whole + "x");
  EXPECT_FALSE(load().find("a", old_file()));
}

TEST_F(StatIndexTest, ChangedBytesNeverGiveOtherFacts) {
  save_one();
  const std::string whole = top_.read("index");
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {1, 128}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ bit);
      top_.write("index", bytes);
      auto index = load();
      const auto found = index.find("a", old_file());
      if (found && (found->content != sha256("a") || found->xattrs != "x=a")) ++wrong;
    }
  }
  EXPECT_EQ(wrong, 0u) << "of " << 2 * whole.size() << " damaged files gave a wrong digest";
}

TEST_F(StatIndexTest, NewFactsReplaceOldOnes) {
  save_one();
  auto index = load();
  os::FileInfo info = old_file();
  ++info.mtime;
  index.put("a", info, facts("new"), kNow);
  ASSERT_TRUE(index.find("a", info));
  EXPECT_EQ(index.find("a", info)->content, sha256("new"));
  EXPECT_FALSE(index.find("a", old_file()));
}

TEST_F(StatIndexTest, FilesAreFoundInAnyOrderAndAfterAnyChange) {
  const std::vector<std::string> walked = {"a", "a/b", "a/b/c", "a/d", "a-b", "a.b", "a.b/c", "b"};
  {
    auto index = load();
    for (std::size_t i : {4u, 0u, 7u, 2u, 6u, 1u, 5u}) {
      index.put(walked[i], old_file(), facts(walked[i]), kNow);
    }
    must(index.save());
  }
  os::FileInfo newer = old_file();
  ++newer.mtime;
  {
    auto index = load();
    index.put("a/d", old_file(), facts("a/d"), kNow);
    index.put("a-b", newer, facts("changed"), kNow);
    must(index.save());
    index.put("a.b", newer, facts("changed too"), kNow);
    must(index.save());
  }
  auto index = load();
  for (const bool backwards : {false, true}) {
    for (std::size_t i = 0; i < walked.size(); ++i) {
      const std::string& path = walked[backwards ? walked.size() - 1 - i : i];
      const bool changed = path == "a-b" || path == "a.b";
      const auto found = index.find(path, changed ? newer : old_file());
      ASSERT_TRUE(found) << path;
      if (!changed) {
        EXPECT_EQ(found->content, sha256(path)) << path;
      }
    }
  }
  EXPECT_EQ(index.find("a-b", newer)->content, sha256("changed"));
  EXPECT_EQ(index.find("a.b", newer)->content, sha256("changed too"));
  EXPECT_FALSE(index.find("a/c", old_file()));
}

TEST_F(StatIndexTest, FilesThatNobodyAsksForAreDropped) {
  save_one();
  for (int i = 0; i < 60; ++i) {
    auto index = load();
    os::FileInfo info = old_file();
    info.size = static_cast<std::uint64_t>(i);
    index.put("other", info, facts("other"), kNow);
    must(index.save());
  }
  EXPECT_FALSE(load().find("a", old_file()));
}

TEST_F(StatIndexTest, OddNamesAreKept) {
  const std::string name("new\nline\0zero\xff", 14);
  {
    auto index = load();
    index.put(name, old_file(), facts("a"), kNow);
    index.put("", old_file(), facts("b"), kNow);
    must(index.save());
  }
  auto index = load();
  EXPECT_TRUE(index.find(name, old_file()));
  EXPECT_TRUE(index.find("", old_file()));
}

}  // namespace
}  // namespace kiln::store
