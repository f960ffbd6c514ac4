// SPDX-License-Identifier: Apache-2.0
#include "solver/copy_selection.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CopySelection : public FolderTest {
 protected:
  std::unique_ptr<ContextTree> tree(const std::vector<std::string>& patterns = {}) const {
    auto opened = ContextTree::open(context_path(), patterns, folder + "/index");
    EXPECT_TRUE(opened.ok());
    return *std::move(opened);
  }
  Result<Selection> try_select(const std::string& pattern, std::vector<std::string> exclude = {}) {
    opened_ = tree(ignore);
    llb::CopyAction action;
    action.pattern = pattern;
    action.below = below;
    action.exclude = std::move(exclude);
    std::size_t group = 0;
    return select_files(*opened_, action, group);
  }
  /// What is selected, as `match/relative`.
  std::vector<std::string> select(const std::string& pattern,
                                  std::vector<std::string> exclude = {}) {
    const auto selection = try_select(pattern, std::move(exclude));
    EXPECT_TRUE(selection.ok()) << (selection.ok() ? "" : selection.error().message());
    std::vector<std::string> out;
    if (!selection.ok()) return out;
    for (const auto& match : selection->matches) {
      for (const auto& file : match.files)
        out.push_back((file.relative.empty() ? match.name : match.name + "/" + file.relative) +
                      (file.on_the_way ? " (way)" : ""));
    }
    return out;
  }
  std::string inputs(const std::string& pattern) {
    auto selection = try_select(pattern);
    EXPECT_TRUE(selection.ok() && recall_facts(*opened_, *selection).ok() &&
                read_facts(*opened_, *selection).ok());
    store::InputList out;
    append_inputs(*selection, out);
    return out.text;
  }
  std::vector<std::string> ignore;
  std::optional<std::string> below;  ///< --parents

 private:
  std::unique_ptr<ContextTree> opened_;
};

TEST_F(CopySelection, DirectoryComesBeforeItsContentAndNamesAreSorted) {
  write("d/b", "");
  write("d/a/x", "");
  EXPECT_THAT(select("/d"), ElementsAre("d", "d/a", "d/a/x", "d/b"));
}

TEST_F(CopySelection, StarMatchesWithinOneComponent) {
  write("a.c", "");
  write("b.c", "");
  write("s/c.c", "");
  EXPECT_THAT(select("/*.c"), ElementsAre("a.c", "b.c"));
  EXPECT_THAT(select("/*/*.c"), ElementsAre("c.c"));
}

TEST_F(CopySelection, PatternWithoutAMatchSelectsNothingButAPlainPathIsNotFound) {
  EXPECT_THAT(select("/none*"), IsEmpty());
  EXPECT_EQ(try_select("/none").error().kind(), ErrorKind::not_found);
}

TEST_F(CopySelection, IgnoredFileIsNotFoundWithTheReason) {
  write("secret", "");
  ignore = {"secret"};
  const auto selection = try_select("/secret");
  ASSERT_FALSE(selection.ok());
  EXPECT_EQ(selection.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(selection.error().hint(), HasSubstr("ignore"));
}

TEST_F(CopySelection, IgnoredDirectoryStillLeadsToWhatIsTakenBack) {
  write("d/keep", "");
  write("d/drop", "");
  write("e/drop", "");
  ignore = {"d", "e", "!d/keep"};
  EXPECT_THAT(select("/"), ElementsAre("", "/d", "/d/keep"));
}

TEST_F(CopySelection, ExcludesAreRelativeToTheMatch) {
  write("d/a", "");
  write("d/b.o", "");
  EXPECT_THAT(select("/d", {"*.o"}), ElementsAre("d", "d/a"));
}

TEST_F(CopySelection, SymlinkThatIsNamedIsFollowedAndOneInsideIsNot) {
  write("real/f", "");
  fs::create_symlink("real", at("link"));
  fs::create_symlink("f", at("real/l"));
  const auto selection = try_select("/link");
  ASSERT_TRUE(selection.ok());
  EXPECT_EQ(selection->matches.at(0).name, "link");
  EXPECT_EQ(selection->matches.at(0).files.size(), 3u);
  EXPECT_EQ(selection->matches.at(0).files.at(2).entry.link_target, "f");
}

TEST_F(CopySelection, SymlinksStayInTheContext) {
  write("passwd", "mine");
  fs::create_symlink("/passwd", at("absolute"));
  fs::create_symlink("../../../../passwd", at("relative"));
  fs::create_symlink("/etc/passwd", at("outside"));
  for (const char* name : {"/absolute", "/relative"}) {
    const auto selection = try_select(name);
    ASSERT_TRUE(selection.ok()) << name;
    EXPECT_EQ(selection->matches.at(0).files.at(0).entry.info.size, 4u) << name;
  }
  EXPECT_EQ(try_select("/outside").error().kind(), ErrorKind::not_found);
}

TEST_F(CopySelection, SymlinkLoopIsAnError) {
  fs::create_symlink("b", at("a"));
  fs::create_symlink("a", at("b"));
  EXPECT_FALSE(try_select("/a").ok());
}

TEST_F(CopySelection, InputsAreFreeOfNewlinesAndTabsWhateverNamesHold) {
  write("d/a\nfile:0:d/b\tf 644", "1");
  write("d/back\\slash", "1");
  fs::create_symlink("to\n\tthere", at("d/l"));
  // Five files and directories; each line has the tab after the name only.
  const std::string list = inputs("/d");
  EXPECT_EQ(std::ranges::count(list, '\n'), 5) << list;
  EXPECT_EQ(std::ranges::count(list, '\t'), 5) << list;
}

TEST_F(CopySelection, NamesThatEscapingCouldConfuseStayApart) {
  write("d/a\nb", "1");
  const auto one = inputs("/d");
  fs::remove(at("d/a\nb"));
  write("d/a\\nb", "1");
  EXPECT_NE(one, inputs("/d"));
}

TEST_F(CopySelection, UnreadFilesAreCountedOnceTheyAreKnownTheyAreNot) {
  write("d/a", "12");
  write("d/empty", "");
  auto context = tree();
  llb::CopyAction action;
  action.pattern = "/d";
  std::size_t group = 0;
  auto selection = select_files(*context, action, group);
  ASSERT_TRUE(selection.ok());
  const auto unread = recall_facts(*context, *selection);
  ASSERT_TRUE(unread.ok());
  EXPECT_EQ(unread->files, 1u);
  EXPECT_EQ(unread->bytes, 2u);
  ASSERT_TRUE(read_facts(*context, *selection).ok());
  EXPECT_EQ(selection->matches[0].files[1].facts.content, sha256("12"));
  EXPECT_EQ(selection->matches[0].files[2].facts.content, sha256(""));
}

TEST(Xattrs, EncodingIsReversibleWhateverTheyHold) {
  const os::Xattrs xattrs = {
      {"user.a", std::string("\0:1\n", 4)}, {"user.b:2", ""}, {"security.x", "7:abc"}};
  EXPECT_EQ(decode_xattrs(encode_xattrs(xattrs)), xattrs);
  EXPECT_EQ(encode_xattrs({}), "");
  EXPECT_NE(encode_xattrs({{"a", "bc"}}), encode_xattrs({{"ab", "c"}}));
}

TEST_F(CopySelection, ParentsComeWithWhatAPlainPathNames) {
  write("d/sub/b", "");
  write("d/sub/deep/c", "");
  write("d/other", "");
  below = "d/sub/b";
  EXPECT_THAT(select("/"), ElementsAre("", "/d (way)", "/d/sub (way)", "/d/sub/b"));
  below = "d/sub";
  EXPECT_THAT(select("/"),
              ElementsAre("", "/d (way)", "/d/sub", "/d/sub/b", "/d/sub/deep", "/d/sub/deep/c"));
}

TEST_F(CopySelection, PivotIsWhereParentsBegin) {
  write("d1/e/x", "");
  write("d2/e/y", "");
  write("d2/f/z", "");
  below = "e";
  EXPECT_THAT(select("/d*"), ElementsAre("d1", "d1/e", "d1/e/x", "d2", "d2/e", "d2/e/y"));
  below = "";
  EXPECT_THAT(select("/d1"), ElementsAre("d1", "d1/e", "d1/e/x"));
}

TEST_F(CopySelection, DoubleStarInParentsIsAnyDirectories) {
  write("a.txt", "");
  write("d/b.txt", "");
  write("d/e/c.txt", "");
  write("d/none/x", "");
  below = "**/*.txt";
  EXPECT_THAT(select("/"),
              ElementsAre("", "/a.txt", "/d (way)", "/d/b.txt", "/d/e (way)", "/d/e/c.txt"));
  below = "d/*/c.txt";
  EXPECT_THAT(select("/"), ElementsAre("", "/d (way)", "/d/e (way)", "/d/e/c.txt"));
}

TEST_F(CopySelection, PlainPathOfParentsHasToBeThere) {
  write("d/a", "");
  write("f", "");
  below = "d/nope";
  EXPECT_EQ(try_select("/").error().kind(), ErrorKind::not_found);
  EXPECT_THAT(try_select("/").error().message(), HasSubstr("\"/d/nope\""));
  below = "x";
  EXPECT_EQ(try_select("/f").error().kind(), ErrorKind::not_found);
  below = "nope*/x";
  EXPECT_THAT(select("/"), ElementsAre(""));
}

TEST_F(CopySelection, ParentsTakeNoSymlinkForADirectory) {
  write("real/x", "");
  fs::create_symlink("real", at("link"));
  below = "link/x";
  EXPECT_EQ(try_select("/").error().kind(), ErrorKind::not_found);
  below = "link";
  EXPECT_THAT(select("/"), ElementsAre("", "/link"));
  below = "x";
  EXPECT_THAT(select("/link"), ElementsAre("link", "link/x"));
}

TEST_F(CopySelection, ExclusionCountsFromThePivot) {
  write("d/sub/b", "");
  write("d/a", "");
  below = "d";
  EXPECT_THAT(select("/", {"d/sub"}), ElementsAre("", "/d", "/d/a"));
  below = "*";
  EXPECT_THAT(select("/d", {"sub"}), ElementsAre("d", "d/a"));
}

TEST_F(CopySelection, ExcludedDirectoryStaysForWhatIsTakenBackBelowIt) {
  write("d/sub/a", "");
  write("d/sub/deep/x", "");
  EXPECT_THAT(select("/d", {"sub", "!sub/deep"}),
              ElementsAre("d", "d/sub (way)", "d/sub/deep", "d/sub/deep/x"));
}

}  // namespace
}  // namespace kiln::solver::testing
