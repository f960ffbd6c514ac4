// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/syntax_tree.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace kiln::dockerfile {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json tree(const std::string& text) {
  const auto result = syntax_tree("Dockerfile", text);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message());
  return result.ok() ? json::parse(*result) : json();
}

json instruction(const std::string& text) {
  return tree("FROM scratch\n" + text).at("instructions").at(1);
}

json word(const char* text, const char* range) { return {{"text", text}, {"range", range}}; }

TEST(SyntaxTree, HasFlagsArgumentsAndRanges) {
  EXPECT_EQ(instruction("# why\ncopy --link --chown=1 \\\n  a b\n"),
            (json{{"instruction", "COPY"},
                  {"flags",
                   {{{"name", "link"}, {"range", "3:6-3:12"}},
                    {{"name", "chown"}, {"value", "1"}, {"range", "3:13-3:22"}}}},
                  {"form", "words"},
                  {"arguments", {word("a", "4:3-4:4"), word("b", "4:5-4:6")}},
                  {"comments", {"why"}},
                  {"original", "copy --link --chown=1   a b"},
                  {"range", "3:1-4:6"}}));
}

TEST(SyntaxTree, SaysWhichFormArgumentsHave) {
  const auto form = [](const char* text) {
    const json node = instruction(text);
    std::vector<std::string> texts;
    for (const json& argument : node.at("arguments")) texts.push_back(argument.at("text"));
    return std::pair(node.at("form").get<std::string>(), texts);
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(form("CMD [\"a\", \"b\"]"), std::pair(std::string("json"), Words{"a", "b"}));
  EXPECT_EQ(form("CMD a  b"), std::pair(std::string("text"), Words{"a  b"}));
  EXPECT_EQ(form("CMD"), std::pair(std::string("text"), Words{}));
  EXPECT_EQ(form("VOLUME /a /b"), std::pair(std::string("words"), Words{"/a", "/b"}));
  EXPECT_EQ(form("ENV a=1 b='2 3'"), std::pair(std::string("pairs"), Words{"a=1", "b='2 3'"}));
  EXPECT_EQ(form("ENV a 1 2"), std::pair(std::string("legacy-pair"), Words{"a", "1 2"}));
  EXPECT_EQ(form("HEALTHCHECK CMD [\"a\"]"), std::pair(std::string("json"), Words{"CMD", "a"}));
  EXPECT_EQ(form("HEALTHCHECK NONE"), std::pair(std::string("text"), Words{"NONE"}));
  EXPECT_EQ(form("USER a"), std::pair(std::string("text"), Words{"a"}));
}

TEST(SyntaxTree, HasHeredocsAndTriggers) {
  const json node = instruction("ONBUILD RUN <<-'A' <<B\n\t$x\n\tA\nB\n");
  EXPECT_EQ(node.at("trigger").at("instruction"), "RUN");
  EXPECT_EQ(node.at("heredocs"), (json{{{"name", "A"},
                                        {"expand", false},
                                        {"chomp", true},
                                        {"content", "\t$x\n"},
                                        {"line", 3},
                                        {"range", "2:13-2:19"}},
                                       {{"name", "B"},
                                        {"expand", true},
                                        {"chomp", false},
                                        {"content", ""},
                                        {"line", 5},
                                        {"range", "2:20-2:23"}}}));
}

TEST(SyntaxTree, HasDirectives) {
  const json file = tree("# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM a");
  EXPECT_EQ(file.at("syntax"), "docker/dockerfile:1");
  EXPECT_EQ(file.at("escape"), "`");
  EXPECT_EQ(file.at("check"), "skip=all");
  EXPECT_EQ(file.at("instructions").size(), 1U);
}

TEST(SyntaxTree, FailsWhereParsingFails) {
  const auto result = syntax_tree("Dockerfile", "FROM a\nRNU b\n");
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message(), HasSubstr("Dockerfile:2: unknown instruction: RNU"));
}

}  // namespace
}  // namespace kiln::dockerfile
