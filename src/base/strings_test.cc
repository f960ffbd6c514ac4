// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(Strings, SplitKeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Strings, SplitOnceTellsMissingFromEmpty) {
  EXPECT_EQ(split_once("k", '=').second, std::nullopt);
  EXPECT_EQ(split_once("k=", '=').second, "");
  EXPECT_EQ(split_once("k=a=b", '=').second, "a=b");
}

TEST(Strings, ParseUintTakesWholeNumbersOnly) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) EXPECT_EQ(parse_bool(yes), true);
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"})
    EXPECT_EQ(parse_bool(no), false);
  for (const char* other : {"", "yes", "tRUE", "01"}) EXPECT_EQ(parse_bool(other), std::nullopt);
  EXPECT_EQ(parse_bool_in_any_case("tRUE"), true);
  EXPECT_EQ(parse_bool_in_any_case("F"), false);
  EXPECT_EQ(parse_bool_in_any_case("yes"), std::nullopt);
  EXPECT_EQ(parse_uint("42"), 42u);
  EXPECT_EQ(parse_uint("755", 8), 0755u);
  EXPECT_EQ(parse_uint(""), std::nullopt);
  EXPECT_EQ(parse_uint("4 "), std::nullopt);
  EXPECT_EQ(parse_uint("-1"), std::nullopt);
  EXPECT_EQ(parse_uint("18446744073709551616"), std::nullopt);
}

TEST(Strings, TimesRoundTrip) {
  EXPECT_EQ(format_rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(1700000000, 120000000), "2023-11-14T22:13:20.12Z");
  EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.12Z"), (TimePoint{1700000000, 120000000}));
  EXPECT_EQ(parse_rfc3339("2023-11-15T00:13:20+02:00"), (TimePoint{1700000000, 0}));
  EXPECT_EQ(parse_rfc3339("2023-13-15T00:13:20Z"), std::nullopt);
  EXPECT_EQ(parse_rfc3339("2023-11-15"), std::nullopt);
}

TEST(Strings, NearestWordNeedsToBeNear) {
  const std::vector<std::string> words = {"FROM", "COPY", "RUN", "ENTRYPOINT"};
  EXPECT_EQ(nearest_word("form", words), "FROM");
  EXPECT_EQ(nearest_word("ab", {"cd"}), std::nullopt);
  EXPECT_EQ(nearest_word("", words), std::nullopt);
  EXPECT_EQ(nearest_word("FRM", words), "FROM");
  EXPECT_EQ(nearest_word("entripoint", words), "ENTRYPOINT");
  EXPECT_EQ(nearest_word("banana", words), std::nullopt);
}

}  // namespace
}  // namespace kiln
