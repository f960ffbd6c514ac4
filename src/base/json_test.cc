// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln {
namespace {

using ::testing::HasSubstr;

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(ParseJson, ValuesAreWhatTheTextSays) {
  const std::string text =
      R"({"a":[1,-2,2.5,true,false,null,"x",{"b":{}},[]],"c":{"d":[[1],[2,{"e":"f"}]],"g":18446744073709551615}})";
  const auto value = parse_json(text, "it");
  ASSERT_TRUE(value.ok()) << value.error().message();
  EXPECT_EQ(dump_json(*value), text);
  EXPECT_TRUE(value->at("a").at(0).is_number_unsigned());
  EXPECT_EQ(dump_json(*parse_json(" 7 ", "it")), "7");
}

TEST(ParseJson, OfTwoMembersOfOneNameTheLastCounts) {
  EXPECT_EQ(dump_json(*parse_json(R"({"a":{"x":[1]},"b":1,"a":[2]})", "it")), R"({"a":[2],"b":1})");
}

TEST(ParseJson, WhatIsNoneIsCorruptWithItsPlace) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\"}", "[1] x", "\"\xff\"", "1e999", "[1}", "\xef\xbb\xbf[]"}) {
    const auto value = parse_json(text, "it");
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.error().kind(), ErrorKind::corrupt);
    EXPECT_THAT(value.error().message(), HasSubstr("it: invalid JSON: "));
  }
}

TEST(ParseJson, NestsTwoHundredDeepAndNoMore) {
  EXPECT_TRUE(parse_json(repeated("[", 200) + repeated("]", 200), "it").ok());
  EXPECT_TRUE(parse_json(repeated("{\"a\":", 200) + "1" + repeated("}", 200), "it").ok());
  for (const std::string& text :
       {repeated("[", 201) + repeated("]", 201),
        repeated("{\"a\":", 201) + "1" + repeated("}", 201), repeated("[", 1'000'000)}) {
    const auto value = parse_json(text, "it");
    ASSERT_FALSE(value.ok());
    EXPECT_EQ(value.error().kind(), ErrorKind::corrupt);
    EXPECT_EQ(value.error().message(), "it: JSON nests too deeply");
  }
}

/// Where each object costs a look at all before it, this takes a minute.
TEST(ParseJson, ALongListCostsNoMoreThanItsLength) {
  // Time that grew with the square of it would be minutes.
  const auto value = parse_json("[" + repeated("{},", 1'300'000) + "{}]", "it");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->size(), 1'300'001U);
}

}  // namespace
}  // namespace kiln
