// SPDX-License-Identifier: Apache-2.0
#include "executor/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::executor {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json read(std::string_view text) {
  auto value = parse_yaml(text, "file");
  EXPECT_TRUE(value.ok()) << value.error().message();
  return value ? *std::move(value) : json();
}

std::string problem(std::string_view text) {
  const auto value = parse_yaml(text, "file");
  EXPECT_FALSE(value.ok());
  if (value) return {};
  EXPECT_EQ(value.error().kind(), ErrorKind::corrupt);
  return value.error().message();
}

TEST(Yaml, BlocksAndFlowsAreObjectsAndLists) {
  EXPECT_EQ(read("a: 1\nb:\n- x\n- {c: d}\n"), json::parse(R"({"a":1,"b":["x",{"c":"d"}]})"));
  EXPECT_EQ(read("{\"a\": [1, 2]}"), json::parse(R"({"a":[1,2]})"));
  EXPECT_EQ(read("---\na: |\n  two\n  lines\n"), json::parse(R"({"a":"two\nlines\n"})"));
  EXPECT_EQ(read("# nothing\n"), json());
}

TEST(Yaml, PlainWordsAreWhatTheyLookLike) {
  EXPECT_EQ(read("[~, null, '', true, False, -7, 0x1ff, 0666, 0o17, 1.5, 0.6.0, 'yes']"),
            json({nullptr, nullptr, "", true, false, -7, 511, 438, 15, 1.5, "0.6.0", "yes"}));
  EXPECT_EQ(read("['1', \"true\", !!str 2]"), json({"1", "true", "2"}));
}

TEST(Yaml, AliasesAreCopies) {
  EXPECT_EQ(read("a: &x [1, 2]\nb: *x\n"), json::parse(R"({"a":[1,2],"b":[1,2]})"));
}

TEST(Yaml, AliasesDoNotGrowWithoutBound) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 9; ++k) text += ", " + last;
    text += "]\n";
  }
  EXPECT_THAT(problem(text), HasSubstr("too many values"));
}

TEST(Yaml, WhatIsWrongIsToldWithItsLine) {
  EXPECT_THAT(problem("a: 1\nb: [\n"), HasSubstr("file: line 3"));
  EXPECT_THAT(problem("a: 1\na: 2\n"), HasSubstr("line 2: key \"a\" is there twice"));
  EXPECT_THAT(problem("a: *b\n"), HasSubstr("alias"));
  EXPECT_THAT(problem("a: !weird x\n"), HasSubstr("!weird"));
  EXPECT_THAT(problem("? [a]\n: b\n"), HasSubstr("scalar"));
  EXPECT_THAT(problem(std::string(500, '[')), HasSubstr("too deeply"));
}

}  // namespace
}  // namespace kiln::executor
