// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/ignore.h"

#include <gtest/gtest.h>

namespace kiln::dockerfile {
namespace {

bool ignores(std::string_view file, std::string_view path) {
  const auto patterns = IgnorePatterns::create(parse_ignore_file(file));
  EXPECT_TRUE(patterns.ok()) << file;
  return patterns.ok() && patterns->ignores(path);
}

TEST(ParseIgnoreFile, CleansPatterns) {
  struct Row {
    const char* text;
    std::vector<std::string> patterns;
  };
  const Row rows[] = {
      {"", {}},
      {"a", {"a"}},
      {"a\nb\n", {"a", "b"}},
      {"a\r\nb\r\n", {"a", "b"}},
      {"\n\n a \t\n\n", {"a"}},
      {"# comment\na", {"a"}},
      {" # no comment", {"# no comment"}},
      {"a # b", {"a # b"}},
      {"\xEF\xBB\xBF# comment\na", {"a"}},
      {"\xEF\xBB\xBF/a", {"a"}},
      {"/a", {"a"}},
      {"//a/", {"a"}},
      {"/", {"/"}},
      {"./a", {"a"}},
      {"a/./b//c/", {"a/b/c"}},
      {"a/../b", {"b"}},
      {"../a", {"../a"}},
      {"/../a", {"a"}},
      {"!a", {"!a"}},
      {"! /a/ ", {"!a"}},
      {"!!a", {"!!a"}},
      {"!", {"!"}},
      {"!.", {"!."}},
      {"**/*.o", {"**/*.o"}},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_ignore_file(row.text), row.patterns) << row.text;
}

TEST(IgnorePatterns, SinglePatterns) {
  struct Row {
    const char* pattern;
    const char* path;
    bool ignored;
  };
  const Row rows[] = {
      {"a", "a", true},
      {"a", "a/b/c", true},
      {"a", "b/a", false},
      {"a", "ab", false},
      {"a/", "a", true},
      {"a/b", "a/b/c", true},
      {"a/b", "a", false},
      {"*", "a", true},
      {"*", ".hidden", true},
      {"*", "a/b", true},
      {"*.log", "x.log", true},
      {"*.log", "a/x.log", false},
      {"*.log", "x.log/y", true},
      {"*/x", "a/x", true},
      {"*/x", "x", false},
      {"*/x", "a/b/x", false},
      {"*/*", "a", false},
      {"*/*", "a/b", true},
      {"a*", "abc", true},
      {"a*c", "abbc", true},
      {"a*c", "ab/c", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"?", "ö", true},
      {"a?b", "a/b", false},
      {"**", "a", true},
      {"**", "a/b", true},
      {"**/a", "a", true},
      {"**/a", "x/y/a", true},
      {"**/a", "x/ya", false},
      {"**/a", "x/a/b", true},
      {"**a", "x/ya", true},
      {"**a", "ya", true},
      {"**a*", "ya", false},
      {"**a*", "y/ab", true},
      {"**/*.o", "x.o", true},
      {"**/*.o", "a/b/x.o", true},
      {"**/*.o", "a/b/x.oo", false},
      {"**/a/**", "x/a/y/z", true},
      {"**/a/**", "x/a", false},
      {"a/**", "a", false},
      {"a/**", "a/b", true},
      {"a/**", "a/b/c", true},
      {"a**", "abc/d", true},
      {"a/**/z", "a/z", true},
      {"a/**/z", "a/b/c/z", true},
      {"a/**/z", "a/bz", false},
      {"a/**/*", "a/b", true},
      {"a**/*.txt", "a/b/f.txt", true},
      {"a/*.txt**", "a/f.txt", true},
      {"**/**/*.txt", "f.txt", true},
      {"**/**", "a", true},
      {"***", "a/b", true},
      {"[ab]c", "ac", true},
      {"[ab]c", "cc", false},
      {"[a-c]x", "bx", true},
      {"[^a-c]x", "bx", false},
      {"[^a-c]x", "dx", true},
      {"a[^x]b", "a/b", true},
      {"**/[^a]foo", "b/xfoo", true},
      {"[*]", "*", true},
      {"[*]", "a", false},
      {"a.c", "abc", false},
      {"a+(b)|{c}$^", "a+(b)|{c}$^", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"sp\\[1\\].txt", "sp[1].txt", true},
      {"a/\\x", "a/x", true},
      {"sp[1].txt", "sp1.txt", true},
      {".", "a", false},
      {"/", "a", false},
      {"größe*", "größer", true},
  };
  for (const auto& [pattern, path, ignored] : rows) {
    EXPECT_EQ(ignores(pattern, path), ignored) << pattern << " and " << path;
  }
}

TEST(IgnorePatterns, LastMatchDecides) {
  struct Row {
    const char* file;
    const char* path;
    bool ignored;
  };
  const Row rows[] = {
      {"*\n!a", "a", false},
      {"*\n!a", "a/b/c", false},
      {"*\n!a", "b", true},
      {"!a\n*", "a", true},
      {"*.md\n!README.md", "README.md", false},
      {"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
      {"*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false},
      {"*\n!a/z/q", "a", true},
      {"*\n!a/z/q", "a/z/q", false},
      {"*\n!a/z/q", "a/z/r", true},
      {"*\n!*/x", "a/x", false},
      {"*\n!*/x", "a/y", true},
      {"a\n!a/z", "a/z/q", false},
      {"a\n!a/z", "a/x", true},
      {"!a/x\na", "a/x", true},
      {"**\n!dist/*.whl", "dist/p.whl", false},
      {"**\n!a/b\na/b/c", "a/b/c", true},
      {"**/*\n!**/*.go", "cmd/main.go", false},
      // `!a` had nothing to take back when the directory was judged, so it does not hold below it.
      {"a/x\n!a", "a/x", true},
      {"a/x\n!a\n!a/x", "a/x", false},
  };
  for (const auto& [file, path, ignored] : rows) {
    EXPECT_EQ(ignores(file, path), ignored) << file << " and " << path;
  }
}

TEST(IgnorePatterns, MalformedPatternsFail) {
  for (const char* pattern :
       {"!", "[", "a[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "[z-a]", "a\\", "[\\", "!["}) {
    const auto result = IgnorePatterns::create({pattern});
    ASSERT_FALSE(result.ok()) << pattern;
    EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input);
  }
}

TEST(IgnorePatterns, EmptyAndBlankPatternsAreSkipped) {
  const auto patterns = IgnorePatterns::create({"", "  "});
  ASSERT_TRUE(patterns.ok());
  EXPECT_TRUE(patterns->empty());
  EXPECT_FALSE(patterns->ignores("a"));
  EXPECT_FALSE(IgnorePatterns().ignores("a"));
}

TEST(IgnorePatterns, JudgingDownATreeGivesWhatALonePathGives) {
  const auto patterns = IgnorePatterns::create({"*", "!a", "a/**/x", "!a/b/c/x"});
  ASSERT_TRUE(patterns.ok());
  const auto a = patterns->judge("a", nullptr);
  const auto b = patterns->judge("a/b", &a);
  const auto c = patterns->judge("a/b/c", &b);
  EXPECT_FALSE(a.ignored);
  EXPECT_TRUE(patterns->judge("a/b/x", &b).ignored);
  EXPECT_FALSE(patterns->judge("a/b/c/x", &c).ignored);
  EXPECT_TRUE(patterns->ignores("a/b/x"));
  EXPECT_FALSE(patterns->ignores("a/b/c/x"));
}

TEST(IgnorePatterns, SkippableDirectories) {
  struct Row {
    std::vector<std::string> patterns;
    const char* dir;
    bool may_contain;
  };
  const Row rows[] = {
      {{"a"}, "a", false},
      {{"*", "!b"}, "a", false},
      {{"*", "!a"}, "a", false},
      {{"*", "!a/b"}, "a", true},
      {{"*", "!a/b"}, "a/b", false},
      {{"*", "!ab/c"}, "a", false},
      {{"*", "!a/b/c"}, "a/b", true},
      {{"*", "!a/b/c"}, "a/x", false},
      {{"*", "!*/x"}, "a", true},
      {{"*", "!*/x"}, "a/b", false},
      {{"*", "!*.md"}, "a", false},
      {{"*", "!**/x"}, "a/b/c", true},
      {{"*", "!a/**"}, "a", true},
      {{"*", "!a/**"}, "a/b", true},
      {{"*", "!a/b/**"}, "a", true},
      {{"*", "!a/b/**"}, "x", false},
      {{"*", "!a/**/x"}, "a/b/c", true},
      {{"*", "!a/**/x"}, "b", false},
      {{"*", "!a?/x"}, "ab", true},
      {{"*", "!a?/x"}, "abc", false},
  };
  for (const auto& [patterns, dir, may_contain] : rows) {
    EXPECT_EQ(IgnorePatterns::create(patterns)->may_contain_exceptions(dir), may_contain)
        << patterns.back() << " below " << dir;
  }
}

}  // namespace
}  // namespace kiln::dockerfile
