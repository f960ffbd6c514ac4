// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "solver/copy_selection.h"
#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

/// A build of one COPY after another: each opens the context anew.
class RecalledSelection : public FolderTest {
 protected:
  struct Outcome {
    bool recalled = false;
    store::InputList key;
  };
  /// What a build with what earlier ones noted sees of the context.
  Outcome build() { return build_with(folder + "/index"); }
  /// What one sees that remembers nothing.
  store::InputList fresh() {
    const std::string index = folder + "/fresh";
    fs::remove(index);
    fs::remove(index + ".trees");
    return build_with(index).key;
  }
  /// Makes the files old enough to be noted, and notes them.
  void learn() {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    build();
    EXPECT_TRUE(build().recalled);
  }
  void expect_noticed(const char* what) {
    const Outcome out = build();
    EXPECT_FALSE(out.recalled) << what;
    EXPECT_EQ(out.key, fresh()) << what;
    learn();
  }
  llb::CopyAction action = [] {
    llb::CopyAction out;
    out.pattern = "/d";
    return out;
  }();
  std::vector<std::string> ignore;
  Owners owners = Owners::root;

 private:
  Outcome build_with(const std::string& index) {
    auto tree = ContextTree::open(context_path(), ignore, index, owners);
    EXPECT_TRUE(tree.ok());
    std::size_t group = 0;
    auto selection = select_files(**tree, action, group, Recall::use);
    EXPECT_TRUE(selection.ok() && recall_facts(**tree, *selection).ok() &&
                read_facts(**tree, *selection).ok());
    Outcome out;
    out.recalled = std::ranges::all_of(
        selection->matches, [](const Match& match) { return match.recalled.has_value(); });
    append_digests(*selection, out.key);
    note_selection(**tree, *selection);
    EXPECT_TRUE((*tree)->save_index().ok());
    return out;
  }
};

TEST_F(RecalledSelection, GivesTheKeyOfOneThatWasRead) {
  write("d/a", "1");
  write("d/e/b", "2");
  fs::create_symlink("b", at("d/e/l"));
  fs::create_hard_link(at("d/a"), at("d/e/a"));
  learn();
  EXPECT_EQ(build().key, fresh());
}

TEST_F(RecalledSelection, EachChangeIsNoticed) {
  write("d/a", "1");
  write("d/e/b", "2");
  const auto mtime = fs::last_write_time(at("d/a"));
  learn();
  write("d/a", "2");
  fs::last_write_time(at("d/a"), mtime);
  expect_noticed("content, with the same size and mtime");
  write("d/e/c", "3");
  expect_noticed("a file added");
  fs::rename(at("d/e/c"), at("d/e/cc"));
  expect_noticed("a file renamed");
  fs::remove(at("d/e/cc"));
  expect_noticed("a file removed");
  fs::permissions(at("d/a"), fs::perms::owner_all);
  expect_noticed("a mode");
}

TEST_F(RecalledSelection, WriteWithinTheClocksGrainIsNoticed) {
  write("d/a", "1");
  learn();
  for (int i = 0; i < 20; ++i) {
    write("d/a", std::to_string(i % 10));
    EXPECT_EQ(build().key, fresh());
    write("d/a", std::to_string((i + 1) % 10));
    EXPECT_EQ(build().key, fresh());
  }
}

TEST_F(RecalledSelection, WhatItIsSelectedByCounts) {
  write("d/a", "1");
  write("d/b", "2");
  write("e/a", "3");
  learn();
  const auto whole = build().key;
  action.exclude = {"b"};
  EXPECT_FALSE(build().recalled);
  EXPECT_NE(build().key, whole);
  action.exclude.clear();
  ignore = {"d/b"};
  EXPECT_FALSE(build().recalled);
  EXPECT_NE(build().key, whole);
  ignore.clear();
  action.pattern = "/e";
  EXPECT_FALSE(build().recalled);
  action.pattern = "/d";
  EXPECT_TRUE(build().recalled);
  owners = Owners::as_on_disk;
  EXPECT_FALSE(build().recalled);
  EXPECT_NE(build().key, whole);
}

TEST_F(RecalledSelection, WildcardIsMatchedAnewEachTime) {
  write("d1/a", "1");
  action.pattern = "/d*";
  learn();
  write("d2/a", "1");
  const Outcome out = build();
  EXPECT_EQ(std::ranges::count(out.key.text, '\n'), 2);
  EXPECT_EQ(out.key, fresh());
}

TEST_F(RecalledSelection, LinkThatLeadsElsewhereIsFollowedAnew) {
  write("one/a", "1");
  write("two/a", "2");
  fs::create_symlink("one", at("d"));
  learn();
  fs::remove(at("d"));
  fs::create_symlink("two", at("d"));
  EXPECT_EQ(build().key, fresh());
}

TEST_F(RecalledSelection, SingleFileIsRecalledToo) {
  write("d", "1");
  learn();
  EXPECT_EQ(build().key, fresh());
  write("d", "22");
  expect_noticed("content");
}

}  // namespace
}  // namespace kiln::solver::testing
