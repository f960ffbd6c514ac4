// SPDX-License-Identifier: Apache-2.0
#include "solver/input_diff.h"

#include <gtest/gtest.h>

namespace kiln::solver {
namespace {

const std::string kA(64, 'a'), kB(64, 'b');

std::string layer(int number, const std::string& digest) {
  return "layer:" + std::to_string(number) + "\tsha256:" + digest + "\n";
}
std::string file(const std::string& name, const std::string& value) {
  return "file:0:" + name + "\t" + value + "\n";
}

std::vector<std::string> texts(const InputDiff& diff) {
  std::vector<std::string> out;
  for (const auto& change : diff.files) out.push_back(describe(change));
  return out;
}
using Texts = std::vector<std::string>;

/// Of a COPY with these sources.
InputDiff diff_copy(std::string_view before, std::string_view after,
                    const std::vector<std::string>& patterns) {
  std::vector<InputSource> sources;
  for (const auto& pattern : patterns) sources.push_back({pattern, std::to_string(sources.size())});
  return diff_inputs(before, after, sources, sources);
}

TEST(InputDiff, EqualListsDoNotDiffer) {
  const std::string list = layer(0, kA) + "action:0\t\n" + file("/x", "f 644 " + kA);
  const InputDiff diff = diff_copy(list, list, {"/"});
  EXPECT_TRUE(diff.files.empty());
  EXPECT_TRUE(diff.stacks.empty());
}

TEST(InputDiff, NamesFilesByTheirPathInTheSource) {
  const std::string head = layer(0, kA) + "action:0\t\n";
  const std::string before = head + file("src/", "d") + file("src/a", "f 644 " + kA) +
                             file("src/gone", "f 644 " + kA) + file("src/l", "l one") +
                             file("src/z", "f 644 " + kA);
  const std::string after = head + file("src/", "d") + file("src/a", "f 755 " + kB) +
                            file("src/l", "l two words") + file("src/new", "f 644 " + kA) +
                            file("src/z", "f 644 " + kA);
  EXPECT_EQ(texts(diff_copy(before, after, {"/lib/src"})),
            (Texts{"lib/src/a changed", "lib/src/a: mode 644 → 755",
                   "lib/src/l: link target one → two words", "lib/src/new added",
                   "lib/src/gone removed"}));
}

TEST(InputDiff, KnowsOwnersTypesXattrsAndLinks) {
  const std::string head = "action:0\t\n";
  const auto differ = [&](const std::string& a, const std::string& b) {
    return texts(diff_copy(head + file("x/", a), head + file("x/", b), {"/x"}));
  };
  EXPECT_EQ(differ("f 644 0:0 " + kA, "f 644 1:2 " + kA), (Texts{"x: owner 0:0 → 1:2"}));
  EXPECT_EQ(differ("l 0:0 t", "l 5:5 t"), (Texts{"x: owner 0:0 → 5:5"}));
  EXPECT_EQ(differ("f 644 " + kA, "d 755"), (Texts{"x: type file → directory"}));
  EXPECT_EQ(differ("f 644 " + kA, "f 644 " + kA + " x" + kB),
            (Texts{"x: extended attributes changed"}));
  EXPECT_EQ(differ("f 644 " + kA, "f 644 " + kA + " link0"), (Texts{"x: hard links changed"}));
}

TEST(InputDiff, PatternWithWildcardInItsDirectoryNamesTheMatch) {
  const std::string a = "action:0\t\n" + file("m/", "f 644 " + kA);
  const std::string b = "action:0\t\n" + file("m/", "f 644 " + kB);
  EXPECT_EQ(texts(diff_copy(a, b, {"/s*/m"})), (Texts{"m changed"}));
  EXPECT_EQ(texts(diff_copy(a, b, {"/s/m*"})), (Texts{"s/m changed"}));
}

TEST(InputDiff, FilesOfLaterSourcesAreFoundThere) {
  const auto list = [&](const std::string& second) {
    return "action:0\t\n" + file("a/", "f 644 " + kA) + "action:1\t\n" +
           file("a/", "f 644 " + second) + file("b/", "f 644 " + kA);
  };
  EXPECT_EQ(texts(diff_copy(list(kA), list(kB), {"/one/a", "/two/a"})), (Texts{"two/a changed"}));
}

TEST(InputDiff, SaysWhereLayersPart) {
  const std::string below = layer(0, kA);
  InputDiff diff =
      diff_copy(below + layer(1, kA) + layer(2, kA), below + layer(1, kB) + layer(2, kA), {});
  ASSERT_EQ(diff.stacks.size(), 1u);
  EXPECT_EQ(diff.stacks[0].name, "layer");
  EXPECT_EQ(diff.stacks[0].first, 1u);
  EXPECT_EQ(diff.stacks[0].before, "sha256:" + kA);
  EXPECT_EQ(diff.stacks[0].after, "sha256:" + kB);
  diff = diff_copy(below, layer(0, kB), {});
  EXPECT_EQ(diff.stacks[0].before, "sha256:" + kA);
  diff = diff_copy("", below, {});
  EXPECT_EQ(diff.stacks[0].before, "");
}

TEST(InputDiff, StackThatHasEndedIsShownByItsLastLayer) {
  const std::string below = layer(0, kA);
  InputDiff diff = diff_copy(below, below + layer(1, kB), {});
  ASSERT_EQ(diff.stacks.size(), 1u);
  EXPECT_EQ(diff.stacks[0].first, 1u);
  EXPECT_EQ(diff.stacks[0].before, "sha256:" + kA);
  EXPECT_EQ(diff.stacks[0].after, "sha256:" + kB);
  diff = diff_copy(below + layer(1, kB), below, {});
  EXPECT_EQ(diff.stacks[0].before, "sha256:" + kB);
  EXPECT_EQ(diff.stacks[0].after, "sha256:" + kA);
}

TEST(InputDiff, MountsAreFoundAgainByWhereTheyAre) {
  const std::vector<InputSource> two = {{"/a", "a"}, {"/lib/b", "b"}}, one = {{"/lib/b", "b"}};
  const std::string a = "bind:0\t755 0:0\n" + file("a/x", "f 644 0:0 " + kA);
  const auto b = [](int number, const std::string& top, const std::string& content) {
    return "bind:" + std::to_string(number) + "\t" + top + "\n" +
           file("b/x", "f 644 0:0 " + content);
  };
  EXPECT_EQ(texts(diff_inputs(a + b(1, "755 0:0", kA), b(0, "700 5:6", kB), two, one)),
            (Texts{"lib/b: mode 755 → 700", "lib/b: owner 0:0 → 5:6", "lib/b/x changed"}));
  EXPECT_EQ(texts(diff_inputs(b(0, "755 0:0", kA), a + b(1, "755 0:0", kA), one, two)), Texts{});
}

TEST(InputDiff, ModeOfAMountedFileIsSaidOnce) {
  const std::vector<InputSource> sources = {{"/f", "f"}};
  const auto list = [](const std::string& mode) {
    return "bind:0\t" + mode + " 0:0\n" + file("f/", "f " + mode + " 0:0 " + kA);
  };
  EXPECT_EQ(texts(diff_inputs(list("644"), list("600"), sources, sources)),
            (Texts{"f: mode 644 → 600"}));
}

TEST(InputDiff, LayersThatACacheBeginsWithAreAStack) {
  const std::vector<InputSource> before = {{"", "c"}}, after = {{"/a", "a"}, {"", "c"}};
  const std::string below = layer(0, kA);
  const InputDiff diff = diff_inputs(below + "cache0:0\tsha256:" + kA + "\n",
                                     below + "cache1:0\tsha256:" + kB + "\n", before, after);
  EXPECT_TRUE(diff.files.empty());
  ASSERT_EQ(diff.stacks.size(), 1u);
  EXPECT_EQ(diff.stacks[0].name, "cache1");
  EXPECT_EQ(diff.stacks[0].before, "sha256:" + kA);
  EXPECT_EQ(diff.stacks[0].after, "sha256:" + kB);
}

TEST(InputDiff, OneOfManyFilesIsFoundInEveryPlace) {
  for (const int changed : {0, 1, 500, 998, 999}) {
    std::string before = layer(0, kA) + "action:0\t\n", after = before;
    for (int i = 0; i < 1000; ++i) {
      const std::string name = "/f" + std::to_string(i);
      before += file(name, "f 644 " + kA);
      after += file(name, "f 644 " + (i == changed ? kB : kA));
    }
    EXPECT_EQ(texts(diff_copy(before, after, {"/"})),
              (Texts{"f" + std::to_string(changed) + " changed"}));
  }
}

}  // namespace
}  // namespace kiln::solver
