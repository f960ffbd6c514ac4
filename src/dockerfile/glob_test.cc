// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/glob.h"

#include <gtest/gtest.h>

namespace kiln::dockerfile {
namespace {

TEST(GlobMatch, FollowsFilepathMatch) {
  struct Row {
    const char* pattern;
    const char* path;
    bool matches;
  };
  const Row rows[] = {
      {"", "", true},
      {"", "a", false},
      {"abc", "abc", true},
      {"abc", "ab", false},
      {"*", "", true},
      {"*", "abc", true},
      {"*", "a/b", false},
      {"*c", "abc", true},
      {"a*", "a", true},
      {"a*", "a/b", false},
      {"a*/b", "abc/b", true},
      {"a*/b", "a/c/b", false},
      {"a*b*c/d", "axbxc/d", true},
      {"a*b*c/d", "axbxcxx/d", false},
      {"a*b?c*x", "abxbbxdbxebxczzx", true},
      {"a*b?c*x", "abxbbxdbxebxczzy", false},
      {"**", "a/b", false},
      {"a/**/b", "a/x/b", true},
      {"a/**/b", "a/b", false},
      {"a/**/b", "a/x/y/b", false},
      {"?", "ö", true},
      {"a?b", "a/b", false},
      {"ab[c]", "abc", true},
      {"ab[b-d]", "abc", true},
      {"ab[e-g]", "abc", false},
      {"ab[^c]", "abc", false},
      {"ab[^e-g]", "abc", true},
      {"ab[e-gc]", "abc", true},
      {"a[^a]b", "aöb", true},
      {"a[^b]c", "a/c", true},
      {"[!a]", "!", true},
      {"[!a]", "b", false},
      {"[*]", "*", true},
      {"[\\]a]", "]", true},
      {"[\\-]", "-", true},
      {"[x\\-]", "x", true},
      {"[a-ζ]*", "α", true},
      {"*[a-ζ]", "A", false},
      {"[z-a]", "m", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"a\\b", "ab", true},
      {"*x", "xxx", true},
      {"src/*.go", "src/main.go", true},
      {"src/*.go", "src/a/main.go", false},
      {"*.t?t", ".txt", true},
  };
  for (const auto& [pattern, path, matches] : rows) {
    const auto result = glob_match(pattern, path);
    ASSERT_TRUE(result.ok()) << pattern;
    EXPECT_EQ(*result, matches) << pattern << " and " << path;
  }
}

TEST(GlobMatch, MalformedPatternsFailWhateverThePath) {
  for (const char* pattern : {"[", "a[", "[]", "[]a]", "[-]", "[x-]", "[-x]", "[^", "[^]",
                              "[a-b-c]", "[a", "b/[", "a\\", "[a\\", "*["}) {
    const auto result = glob_match(pattern, "x");
    ASSERT_FALSE(result.ok()) << pattern;
    EXPECT_EQ(result.error().message(), "syntax error in pattern \"" + std::string(pattern) + "\"");
  }
}

TEST(GlobMatch, ManyStarsTakeTimeThatGrowsSlowly) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(*glob_match(pattern + "b", std::string(5'000, 'a')));
}

TEST(Glob, KnowsItsCharacters) {
  EXPECT_TRUE(has_glob_characters("*.go"));
  EXPECT_TRUE(has_glob_characters("a[b]"));
  EXPECT_FALSE(has_glob_characters("src/main.go"));
}

}  // namespace
}  // namespace kiln::dockerfile
