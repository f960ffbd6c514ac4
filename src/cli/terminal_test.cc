// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <gtest/gtest.h>

#include <vector>

namespace kiln::cli {
namespace {

TEST(Colours, FollowTheEnvironment) {
  EXPECT_EQ(choose_colours("", "").run, "\033[34m");
  EXPECT_EQ(choose_colours("1", "run=green").run, "");
  const Colours chosen = choose_colours("", "run=green:error=255,165,0:warning=nonsense:junk");
  EXPECT_EQ(chosen.run, "\033[32m");
  EXPECT_EQ(chosen.error, "\033[38;2;255;165;0m");
  EXPECT_EQ(chosen.warning, "\033[33m");
  EXPECT_EQ(choose_colours("", "run=256,0,0").run, "\033[34m");
  EXPECT_EQ(Colours::paint("", "x"), "x");
  EXPECT_EQ(Colours::paint("\033[32m", "x"), "\033[32mx\033[0m");
}

TEST(SanitizeLine, NothingDrivesTheTerminal) {
  const auto bare = [](std::string_view line) { return sanitize_line(line, Escapes::none); };
  EXPECT_EQ(bare("a\033[31mb\033[0mc"), "abc");
  EXPECT_EQ(bare("a\033]0;title\ab"), "ab");
  EXPECT_EQ(bare("a\033]8;;http://x\033\\b"), "ab");
  EXPECT_EQ(bare("a\033Pq#0\033\\b"), "ab");
  EXPECT_EQ(bare("a\033(Bb\033cd"), "abd");
  EXPECT_EQ(bare("a\b\b\x07\x7F\rb"), "ab");
  EXPECT_EQ(bare("a\u009b31mb"), "a31mb");
  EXPECT_EQ(bare("a\u202eb"), "ab");
  EXPECT_EQ(bare("\033"), "");
  EXPECT_EQ(bare("\033["), "");
  EXPECT_EQ(bare("\xFFx"), "\uFFFDx");
}

TEST(SanitizeLine, TabsReachTheirStops) {
  EXPECT_EQ(sanitize_line("a\tb\tc", Escapes::none), "a       b       c");
  EXPECT_EQ(sanitize_line("日本語x\ty", Escapes::none), "日本語x y");
}

TEST(SanitizeLine, ColoursMayStayAndAreReset) {
  EXPECT_EQ(sanitize_line("\033[1;31mx", Escapes::colours), "\033[1;31mx\033[0m");
  EXPECT_EQ(sanitize_line("\033[31mx\033[0m", Escapes::colours), "\033[31mx\033[0m");
  EXPECT_EQ(sanitize_line("\033[>4;1mx\033[31Ay", Escapes::colours), "xy");
}

TEST(EscapeControls, NothingIsLeftThatATerminalObeys) {
  EXPECT_EQ(escape_controls("a\tb\nc\r\nd é 日\n"), "a\tb\nc\r\nd é 日\n");
  EXPECT_EQ(escape_controls("\033[2J\a\x7F\rx"), "\\x1b[2J\\x07\\x7f\\x0dx");
  EXPECT_EQ(escape_controls("\xC2\x9B"
                            "31m"),
            "\\u009b31m");
  EXPECT_EQ(escape_controls("\xFF\x9Bx\xC3"), "\\xff\\x9bx\\xc3");
  EXPECT_EQ(escape_controls(std::string_view("\0", 1)), "\\x00");
}

TEST(LineSplitter, LinesComeWhole) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  const auto take = [&](std::string_view line) { lines.emplace_back(line); };
  splitter.feed("a", take);
  splitter.feed("b\n\nc\r\nd\re", take);
  splitter.feed("f\r", take);
  splitter.finish(take);
  splitter.finish(take);
  EXPECT_EQ(lines, (std::vector<std::string>{"ab", "", "c", "ef"}));
}

}  // namespace
}  // namespace kiln::cli
