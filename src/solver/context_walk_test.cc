// SPDX-License-Identifier: Apache-2.0
#include "solver/context_walk.h"

#include <gmock/gmock.h>

#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Seconds: files of a test are new, and would not be settled otherwise.
constexpr std::int64_t kLater = 10;

class ContextWalkTest : public FolderTest {
 protected:
  WalkedContext walk(const std::vector<std::string>& patterns = {}, Recall recall = Recall::use,
                     std::int64_t later = kLater) {
    const auto root = os::Dir::open(context_path());
    const auto ignore = dockerfile::IgnorePatterns::create(patterns);
    EXPECT_TRUE(root.ok() && ignore.ok());
    const auto info = root->stat(".");
    EXPECT_TRUE(info.ok());
    std::optional<TreeListing> known;
    if (!listing_.empty()) known = TreeListing::parse(listing_);
    EXPECT_EQ(known.has_value(), !listing_.empty());
    TimePoint now = os::wall_clock();
    now.seconds += later;
    auto walked =
        walk_context({*root, *ignore, known ? &*known : nullptr, now, recall}, {{}, *info, {}});
    EXPECT_TRUE(walked.ok());
    return *std::move(walked);
  }
  /// Walks, and takes what was seen as known from then on.
  void learn(const std::vector<std::string>& patterns = {}) {
    listing_.clear();
    listing_ = walk(patterns).listing;
    EXPECT_FALSE(listing_.empty());
    EXPECT_TRUE(walk(patterns).unchanged);
  }
  static std::vector<std::string> paths(const WalkedContext& walked) {
    std::vector<std::string> out;
    for (const auto& entry : walked.entries)
      out.push_back(entry.path.str() +
                    (entry.link_target.empty() ? "" : " -> " + entry.link_target));
    return out;
  }
  /// The same as a walk that knows nothing, and noticed.
  void expect_change(const char* what, const std::vector<std::string>& patterns = {}) {
    const WalkedContext here = walk(patterns);
    EXPECT_FALSE(here.unchanged) << what;
    EXPECT_FALSE(here.listing.empty()) << what;
    const std::string known = std::exchange(listing_, {});
    const WalkedContext fresh = walk(patterns);
    listing_ = known;
    EXPECT_EQ(paths(here), paths(fresh)) << what;
    EXPECT_EQ(here.listing, fresh.listing) << what;
    learn(patterns);
  }
  std::string listing_;
};

TEST_F(ContextWalkTest, UnchangedTreeIsRecognisedAndOnlyItsTopListed) {
  write("a/b/f", "1");
  write("g", "2");
  fs::create_symlink("g", at("l"));
  learn();
  EXPECT_THAT(paths(walk()), ElementsAre(""));
  EXPECT_THAT(paths(walk({}, Recall::ignore)), ElementsAre("", "a", "a/b", "a/b/f", "g", "l -> g"));
  EXPECT_THAT(walk({}, Recall::ignore).listing, IsEmpty()) << "it is known";
}

TEST_F(ContextWalkTest, AnyChangeIsNoticed) {
  for (const char* name : {"a/b/f", "a/g", "h", "z/y"}) write(name, "1");
  fs::create_symlink("g", at("a/l"));
  learn();
  write("a/b/f", "22");
  expect_change("content");
  write("a/b/new", "1");
  expect_change("a file added");
  fs::remove(at("a/b/new"));
  expect_change("a file removed");
  fs::rename(at("a/g"), at("a/gg"));
  expect_change("a file renamed");
  fs::rename(at("a/gg"), at("z/gg"));
  expect_change("a file moved");
  fs::permissions(at("h"), fs::perms::owner_all);
  expect_change("a file's mode");
  fs::permissions(at("z"), fs::perms::owner_all);
  expect_change("a directory's mode");
  fs::remove(at("a/l"));
  fs::create_symlink("h", at("a/l"));
  expect_change("a symlink's target");
  fs::create_directories(at("z/empty/er"));
  expect_change("empty directories");
  fs::remove_all(at("z"));
  expect_change("a directory removed");
  write("z", "");
  expect_change("a file in place of a directory");
  fs::create_hard_link(at("h"), at("hh"));
  expect_change("another name");
  ASSERT_EQ(::mkfifo(at("p").c_str(), 0600), 0);
  expect_change("a fifo");
}

TEST_F(ContextWalkTest, SameSizeAndMtimeDoNotHideAChange) {
  write("a/f", "1");
  const auto mtime = fs::last_write_time(at("a/f"));
  learn();
  write("a/f", "2");
  fs::last_write_time(at("a/f"), mtime);
  expect_change("another ctime");
  write("a/other", "3");
  fs::last_write_time(at("a/other"), mtime);
  learn();
  const auto folder_time = fs::last_write_time(at("a"));
  fs::rename(at("a/other"), at("a/f"));
  fs::last_write_time(at("a"), folder_time);
  expect_change("another file under the name, in a directory of the same mtime");
}

TEST_F(ContextWalkTest, WhatIsTooNewIsNotForALaterWalk) {
  write("old/f", "1");
  learn();
  write("new", "1");
  EXPECT_THAT(walk({}, Recall::use, 0).listing, IsEmpty());
  // What was known stays of use.
  EXPECT_FALSE(walk().unchanged);
  EXPECT_THAT(paths(walk()), ElementsAre("", "new", "old", "old/f"));
}

TEST_F(ContextWalkTest, IgnoredFilesDoNotCountButDirectoriesThatMayHoldMoreDo) {
  const std::vector<std::string> patterns = {"**", "!**/*.c"};
  write("a/f.c", "1");
  write("a/f.o", "1");
  write("barren/sub/f.o", "1");
  learn(patterns);
  EXPECT_THAT(paths(walk(patterns, Recall::ignore)), ElementsAre("", "a", "a/f.c"));
  write("a/f.o", "22");
  EXPECT_TRUE(walk(patterns).unchanged) << "an ignored file";
  write("barren/sub/g.c", "1");
  expect_change("a file that is taken back", patterns);
  EXPECT_THAT(paths(walk(patterns, Recall::ignore)),
              ElementsAre("", "a", "a/f.c", "barren", "barren/sub", "barren/sub/g.c"));
}

TEST_F(ContextWalkTest, ManyDirectoriesAreWalkedByThreadsInTheSameOrder) {
  for (int i = 0; i < 300; ++i) {
    write("d" + std::to_string(i % 30) + "/e" + std::to_string(i) + "/f", "1");
  }
  learn();
  const auto first = paths(walk({}, Recall::ignore));
  EXPECT_EQ(first.size(), 1 + 30 + 300 + 300u);
  EXPECT_TRUE(std::ranges::is_sorted(first));
  write("d7/e37/g", "1");
  expect_change("one file of many");
}

TEST_F(ContextWalkTest, DamagedListingIsNone) {
  write("a/f", "1");
  fs::create_symlink("f", at("a/l"));
  learn();
  for (std::size_t size = 0; size < listing_.size(); ++size) {
    const std::string part = listing_.substr(0, size);
    EXPECT_FALSE(TreeListing::parse(part)) << size;
  }
}

}  // namespace
}  // namespace kiln::solver::testing
