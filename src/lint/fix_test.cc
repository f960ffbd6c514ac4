// SPDX-License-Identifier: Apache-2.0
#include "lint/fix.h"

#include <gtest/gtest.h>

#include "dockerfile/expand.h"

namespace kiln::lint {
namespace {

std::string fixed(const std::string& text) {
  LintRequest request;
  const dockerfile::Source source("Dockerfile", text);
  request.options = check_options_of(source, {}).value();
  const auto once = fix("Dockerfile", text, request);
  if (!once) return once.error().message();
  const auto twice = fix("Dockerfile", once->text, request);
  EXPECT_TRUE(twice);
  if (twice) {
    EXPECT_EQ(twice->text, once->text);
    EXPECT_EQ(twice->count, 0U);
  }
  return once->text;
}

struct Case {
  const char* name;
  const char* before;
  const char* after;
};

class FixTest : public ::testing::TestWithParam<Case> {};
TEST_P(FixTest, ChangesNoMoreThanItMust) { EXPECT_EQ(fixed(GetParam().before), GetParam().after); }

constexpr Case kCases[] = {
    {"Nothing", "FROM a:1 AS b\nRUN x\n", "FROM a:1 AS b\nRUN x\n"},
    {"Keyword", "FROM a:1\nrun x\nCMD [\"y\"]\n", "FROM a:1\nRUN x\nCMD [\"y\"]\n"},
    {"KeywordToLower", "FROM a:1\nrun x\nrun y\n", "from a:1\nrun x\nrun y\n"},
    {"KeywordAndAs", "from a:1 as b\nRUN x\nRUN y\n", "FROM a:1 AS b\nRUN x\nRUN y\n"},
    {"StageName", "FROM a:1 AS Big\nRUN x\n", "FROM a:1 AS big\nRUN x\n"},
    {"LegacyEnv", "FROM a:1\nENV k v\n", "FROM a:1\nENV k=v\n"},
    {"LegacyEnvWithBlanks", "FROM a:1\nENV k a b  c\n", "FROM a:1\nENV k=\"a b  c\"\n"},
    {"LegacyEnvWithQuotes", "FROM a:1\nENV k a 'b c' d\n", "FROM a:1\nENV k=a\\ 'b c'\\ d\n"},
    {"LegacyEnvWithEscape", "FROM a:1\nENV k a\\ b \\$c\n", "FROM a:1\nENV k=a\\ b\\ \\$c\n"},
    {"LegacyEnvUnclosed", "FROM a:1\nENV k it's\n", "FROM a:1\nENV k it's\n"},
    {"LegacyLabel", "FROM a:1\nLABEL k x=y\n", "FROM a:1\nLABEL k=x=y\n"},
    {"LegacyOverLines", "FROM a:1\nENV k \\\n  v\n", "FROM a:1\nENV k \\\n  v\n"},
    {"Maintainer", "FROM a:1\nMAINTAINER \"A\" <a@b> $x\n",
     "FROM a:1\nLABEL org.opencontainers.image.authors=\"\\\"A\\\" <a@b> \\$x\"\n"},
    {"EmptyContinuation", "FROM a:1\nRUN x \\\n\n  y \\\n \t\n  z\n",
     "FROM a:1\nRUN x \\\n  y \\\n  z\n"},
    {"TargetPlatform", "FROM --platform=$TARGETPLATFORM a:1\n", "FROM a:1\n"},
    {"Expose", "FROM a:1\nEXPOSE 80/TCP 81/Udp\n", "FROM a:1\nEXPOSE 80/tcp 81/udp\n"},
    {"Blanks", "FROM   a:1\nRUN\tx  \\\n  y \n", "FROM a:1\nRUN x  \\\n  y\n"},
    {"Heredoc", "FROM a:1\nRUN <<EOF\nenv   \n\nrun  x \nEOF\n",
     "FROM a:1\nRUN <<EOF\nenv   \n\nrun  x \nEOF\n"},
    {"CarriageReturns", "FROM a:1 as b\r\nENV k v\r\nRUN x \\\r\n\r\n y\r\n",
     "FROM a:1 AS b\r\nENV k=v\r\nRUN x \\\r\n y\r\n"},
    {"ByteOrderMark",
     "\xEF\xBB\xBF"
     "FROM a:1 as b\n",
     "\xEF\xBB\xBF"
     "FROM a:1 AS b\n"},
    {"NoFinalLineEnd", "FROM a:1\nENV k v", "FROM a:1\nENV k=v"},
    {"Skipped", "# check=skip=LegacyKeyValueFormat\nFROM a:1 as b\nENV k v\n",
     "# check=skip=LegacyKeyValueFormat\nFROM a:1 AS b\nENV k v\n"},
    {"SkippedHere", "FROM a:1\n# check=skip=all\nENV k v\nENV l w\n",
     "FROM a:1\n# check=skip=all\nENV k v\nENV l=w\n"},
    {"BacktickEscape", "# escape=`\nFROM a:1\nENV k a 'b' \\c\nMAINTAINER a`b\n",
     "# escape=`\nFROM a:1\nENV k=a` 'b'` \\c\n"
     "LABEL org.opencontainers.image.authors=\"a``b\"\n"},
    {"SeveralInOneLine", "from   a:1   As  Big\nRUN x\nRUN y\n",
     "FROM a:1   AS  big\nRUN x\nRUN y\n"},
};
INSTANTIATE_TEST_SUITE_P(All, FixTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

/// What a pair comes to is the same with `=` as it was without.
TEST(Fix, ALegacyValueKeepsItsMeaning) {
  const dockerfile::Lookup lookup = [](std::string_view name) -> std::optional<std::string> {
    if (name == "X") return "a b";
    return std::nullopt;
  };
  for (const std::string value :
       {"v", "a b", "a  b", "\"a b\" c", "'$X' $X", "a\\ b", "\\\"x\\\"", "a\\\\b c", "$X/y z",
        "\"it's\" 'a \"b\"'", "a=b c=d", "${X:-y z}", "x#y #z", "[1, 2]"}) {
    const auto expected = dockerfile::expand_word(value, lookup, '\\');
    ASSERT_TRUE(expected) << value;
    const std::string text = fixed("FROM a:1\nENV k " + value + "\n");
    const auto file = dockerfile::parse("Dockerfile", text);
    ASSERT_TRUE(file) << text;
    const auto& pairs = std::get<dockerfile::Env>(file->stages[0].instructions[0].value).pairs;
    ASSERT_EQ(pairs.size(), 1U) << text;
    EXPECT_FALSE(pairs[0].legacy) << text;
    EXPECT_EQ(dockerfile::expand_word(pairs[0].value.text, lookup, '\\').value(), *expected)
        << text;
  }
}

TEST(UnifiedDiff, ShowsHunksWithContext) {
  EXPECT_EQ(unified_diff("D", "a\n", "a\n"), "");
  EXPECT_EQ(unified_diff("D", "a\nb\nc\n", "a\nB\nc\n"),
            "--- D\n+++ D\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
  EXPECT_EQ(unified_diff("D", "a\n\nb", "a\nb"),
            "--- D\n+++ D\n@@ -1,3 +1,2 @@\n a\n-\n b\n\\ No newline at end of file\n");
  EXPECT_EQ(unified_diff("D", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n",
                         "x\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ny\n"),
            "--- D\n+++ D\n@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n 10\n 11\n"
            "-12\n+y\n");
}

}  // namespace
}  // namespace kiln::lint
