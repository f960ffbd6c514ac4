// SPDX-License-Identifier: Apache-2.0
// The small languages inside instructions: durations, CSV, quoted words, UTF-8, excerpts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dockerfile/csv.h"
#include "dockerfile/duration.h"
#include "dockerfile/ignore.h"
#include "dockerfile/key_values.h"
#include "dockerfile/keywords.h"
#include "dockerfile/source.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseDuration, GoDurations) {
  struct Row {
    const char* text;
    std::int64_t nanoseconds;
  };
  const Row rows[] = {
      {"0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"1us", 1'000},
      {"1µs", 1'000},
      {"1μs", 1'000},
      {"1ms", 1'000'000},
      {"1s", 1'000'000'000},
      {"1.5s", 1'500'000'000},
      {".5s", 500'000'000},
      {"1.s", 1'000'000'000},
      {"1m", 60'000'000'000},
      {"1h1m1s", 3'661'000'000'000},
      {"-1s", -1'000'000'000},
      {"+1s", 1'000'000'000},
  };
  for (const auto& [text, nanoseconds] : rows) {
    const auto result = parse_duration(text);
    ASSERT_TRUE(result.ok()) << text;
    EXPECT_EQ(*result, nanoseconds) << text;
  }
  for (const char* text :
       {"", "-", "s", "1", "1d", "1 s", ".s", "1s1", "9999999h", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
}

TEST(CsvFields, QuotesAndErrors) {
  EXPECT_THAT(*csv_fields("a,b=c,"), ElementsAre("a", "b=c", ""));
  EXPECT_THAT(*csv_fields("\"a,b\",\"c\"\"d\""), ElementsAre("a,b", "c\"d"));
  for (const char* text : {"\"a", "a\"b", "\"a\"b"}) EXPECT_FALSE(csv_fields(text).ok()) << text;
}

TEST(SplitQuotedWords, KeepsQuotesAndEscapes) {
  EXPECT_THAT(split_quoted_words("a 'b c' \"d \\\" e\" f\\ g", '\\'),
              ElementsAre("a", "'b c'", "\"d \\\" e\"", "f\\ g"));
  EXPECT_THAT(split_quoted_words("'a\\' b", '\\'), ElementsAre("'a\\'", "b"));
  EXPECT_THAT(split_quoted_words("a\\", '\\'), ElementsAre("a"));
  EXPECT_THAT(split_quoted_words("a \\", '\\'), ElementsAre("a"));
  EXPECT_THAT(split_quoted_words("\"a b", '\\'), ElementsAre("\"a b"));
  EXPECT_THAT(split_quoted_words("\xC2\xA0 a\xC2\xA0"
                                 "b",
                                 '\\'),
              ElementsAre("a", "b"));
  EXPECT_THAT(split_quoted_words("", '\\'), IsEmpty());
}

TEST(Unicode, FindsWhatIsNotUtf8) {
  EXPECT_FALSE(find_invalid_utf8("aä€😀"));
  for (const char* text : {"a\x80", "a\xC0\x80", "a\xE0\x80\x80", "a\xED\xA0\x80",
                           "a\xF4\x90\x80\x80", "a\xC3", "a\xE2\x82", "a\xFF"}) {
    EXPECT_EQ(find_invalid_utf8(text), 1U) << text;
  }
}

TEST(Unicode, TrimsAllWhiteSpace) {
  EXPECT_EQ(trim_space(" \t\xC2\xA0 a b\xE3\x80\x80\n"), "a b");
  EXPECT_EQ(trim_space("\xE3\x80\x80"), "");
  EXPECT_EQ(trim_space("ä"), "ä");
}

TEST(CleanPath, ByTextAlone) {
  EXPECT_EQ(clean_path(""), ".");
  EXPECT_EQ(clean_path("a//b/./c/../d/"), "a/b/d");
  EXPECT_EQ(clean_path("../../a"), "../../a");
  EXPECT_EQ(clean_path("/../a"), "/a");
  EXPECT_EQ(clean_path("a/.."), ".");
  EXPECT_EQ(clean_path("/"), "/");
}

TEST(DidYouMean, AtMostTwoEditsAway) {
  EXPECT_EQ(did_you_mean("FORM", keyword_names()), " (did you mean FROM?)");
  EXPECT_EQ(did_you_mean("copyy", keyword_names()), " (did you mean copy?)");
  EXPECT_EQ(did_you_mean("ENTRYPONIT", keyword_names()), " (did you mean ENTRYPOINT?)");
  EXPECT_EQ(did_you_mean("INCLUDE", keyword_names()), "");
  EXPECT_EQ(did_you_mean("RUN", keyword_names()), "");
}

TEST(Source, Lines) {
  const Source source("f",
                      "\xEF\xBB\xBF"
                      "a\r\n\nb");
  EXPECT_EQ(source.line_count(), 3U);
  EXPECT_EQ(source.line(1), "a");
  EXPECT_EQ(source.raw_line(1), "a\r\n");
  EXPECT_EQ(source.line(2), "");
  EXPECT_EQ(source.raw_line(3), "b");
  EXPECT_EQ(source.line(4), "");
  EXPECT_EQ(Source("f", "a\n").line_count(), 1U);
}

TEST(Excerpt, SeveralLinesHaveNoCaret) {
  const Source source("f", "a\nb\nc\nd\ne\n");
  EXPECT_EQ(excerpt(source, {{3, 1}, {4, 2}}),
            "   1 |     a\n   2 |     b\n   3 | >>> c\n   4 | >>> d\n   5 |     e\n");
}

TEST(Excerpt, CaretCountsCharacters) {
  const Source source("f", "größe x\n");
  EXPECT_EQ(excerpt(source, {{1, 9}, {1, 10}}), "   1 | >>> größe x\n     |           ^\n");
}

TEST(Excerpt, PositionsOutsideTheTextAreHarmless) {
  const Source source("f", "a\n");
  EXPECT_EQ(excerpt(source, {{7, 1}, {9, 2}}), "");
  EXPECT_EQ(excerpt(source, {{1, 5}, {1, 9}}), "   1 | >>> a\n");
  EXPECT_EQ(excerpt(Source("f", ""), {{1, 1}, {1, 1}}), "");
}

}  // namespace
}  // namespace kiln::dockerfile
