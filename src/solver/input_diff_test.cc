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

TEST(InputDiff, EqualListsDoNotDiffer) {
  const std::string list = layer(0, kA) + "action:0\t\n" + file("/x", "f 644 " + kA);
  const InputDiff diff = diff_inputs(list, list, {"/"});
  EXPECT_TRUE(diff.files.empty());
  EXPECT_EQ(diff.first_layer, InputDiff::npos);
}

TEST(InputDiff, NamesFilesByTheirPathInTheSource) {
  const std::string head = layer(0, kA) + "action:0\t\n";
  const std::string before = head + file("src/", "d") + file("src/a", "f 644 " + kA) +
                             file("src/gone", "f 644 " + kA) + file("src/l", "l one") +
                             file("src/z", "f 644 " + kA);
  const std::string after = head + file("src/", "d") + file("src/a", "f 755 " + kB) +
                            file("src/l", "l two words") + file("src/new", "f 644 " + kA) +
                            file("src/z", "f 644 " + kA);
  EXPECT_EQ(texts(diff_inputs(before, after, {"/lib/src"})),
            (Texts{"lib/src/a changed", "lib/src/a: mode 644 → 755",
                   "lib/src/l: link target one → two words", "lib/src/new added",
                   "lib/src/gone removed"}));
}

TEST(InputDiff, KnowsOwnersTypesXattrsAndLinks) {
  const std::string head = "action:0\t\n";
  const auto differ = [&](const std::string& a, const std::string& b) {
    return texts(diff_inputs(head + file("x/", a), head + file("x/", b), {"/x"}));
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
  EXPECT_EQ(texts(diff_inputs(a, b, {"/s*/m"})), (Texts{"m changed"}));
  EXPECT_EQ(texts(diff_inputs(a, b, {"/s/m*"})), (Texts{"s/m changed"}));
}

TEST(InputDiff, FilesOfLaterSourcesAreFoundThere) {
  const auto list = [&](const std::string& second) {
    return "action:0\t\n" + file("a/", "f 644 " + kA) + "action:1\t\n" +
           file("a/", "f 644 " + second) + file("b/", "f 644 " + kA);
  };
  EXPECT_EQ(texts(diff_inputs(list(kA), list(kB), {"/one/a", "/two/a"})), (Texts{"two/a changed"}));
}

TEST(InputDiff, SaysWhereLayersPart) {
  const std::string below = layer(0, kA);
  InputDiff diff =
      diff_inputs(below + layer(1, kA) + layer(2, kA), below + layer(1, kB) + layer(2, kA), {});
  EXPECT_EQ(diff.first_layer, 1u);
  EXPECT_EQ(diff.layer_before, "sha256:" + kA);
  EXPECT_EQ(diff.layer_after, "sha256:" + kB);
  diff = diff_inputs(below, below + layer(1, kB), {});
  EXPECT_EQ(diff.first_layer, 1u);
  EXPECT_EQ(diff.layer_before, "");
}

TEST(InputDiff, OneOfManyFilesIsFoundInEveryPlace) {
  for (const int changed : {0, 1, 500, 998, 999}) {
    std::string before = layer(0, kA) + "action:0\t\n", after = before;
    for (int i = 0; i < 1000; ++i) {
      const std::string name = "/f" + std::to_string(i);
      before += file(name, "f 644 " + kA);
      after += file(name, "f 644 " + (i == changed ? kB : kA));
    }
    EXPECT_EQ(texts(diff_inputs(before, after, {"/"})),
              (Texts{"f" + std::to_string(changed) + " changed"}));
  }
}

}  // namespace
}  // namespace kiln::solver
