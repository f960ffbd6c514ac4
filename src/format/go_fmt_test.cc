// SPDX-License-Identifier: Apache-2.0
#include "format/go_fmt.h"

#include <gtest/gtest.h>

#include <vector>

#include "format/go_strconv.h"
#include "format/json_text.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

std::string formatted(std::string_view format, std::vector<Json> values) {
  return sprintf(format, values);
}

TEST(GoFmt, ContainersFormatTheirElements) {
  EXPECT_EQ(formatted("%v", {Json::parse(R"({"b":[1,null],"a":"x y"})")}),
            "map[a:x y b:[1 <nil>]]");
  EXPECT_EQ(formatted("%q %x", {Json::parse(R"(["a","b"])"), Json::parse("[10,11]")}),
            R"(["a" "b"] [a b])");
  EXPECT_EQ(formatted("%5v|", {Json::parse("[1,2]")}), "[    1     2]|");
  EXPECT_EQ(formatted("%#v", {Json::parse(R"({"a":[null,"x"]})")}),
            R"(map[string]interface {}{"a":[]interface {}{interface {}(nil), "x"}})");
}

TEST(GoFmt, MistakesShowInTheText) {
  EXPECT_EQ(formatted("%!", {}), "%!!(MISSING)");
  EXPECT_EQ(formatted("%d %d", {1}), "1 %!d(MISSING)");
  EXPECT_EQ(formatted("x", {1, nullptr, "s"}), "x%!(EXTRA int=1, <nil>, string=s)");
  EXPECT_EQ(formatted("%99999999999d", {1}), "%!(BADWIDTH)1");
  EXPECT_EQ(formatted("%é", {1}), "%!é(int=1)");
  EXPECT_EQ(formatted("%[5]d %[d", {1}), "%!d(BADINDEX) %!d(BADINDEX)");
}

TEST(GoFmt, Numbers) {
  EXPECT_EQ(formatted("%d %d", {std::int64_t{-9223372036854775807} - 1, 18446744073709551615U}),
            "-9223372036854775808 18446744073709551615");
  EXPECT_EQ(formatted("%+.2f|% d|%x|%#o|%O|%08.3f", {1.0, 3, -255, 8, 8, -3.14159}),
            "+1.00| 3|-ff|010|0o10|-003.142");
  EXPECT_EQ(formatted("%.3g %g %G", {1234.5678, 1e-7, 1e-7}), "1.23e+03 1e-07 1E-07");
}

TEST(GoFmt, JsonFloats) {
  EXPECT_EQ(to_json_text(Json(1e21)), "1e+21");
  EXPECT_EQ(to_json_text(Json(1e-7)), "1e-7");
  EXPECT_EQ(to_json_text(Json(123456789.0)), "123456789");
  EXPECT_EQ(to_json_text(Json(0.0)), "0");
}

TEST(GoFmt, JsonStrings) {
  EXPECT_EQ(to_json_text(Json("<&\x01\n\xE2\x80\xA8\xFF")), R"("<&\u0001\n\u2028\ufffd")");
  EXPECT_EQ(to_json_text(Json("<&"), EscapeHtml::yes), R"("\u003c\u0026")");
}

TEST(GoFmt, Quotes) {
  EXPECT_EQ(quote("a\"\\\a\x01\x7F"), R"("a\"\\\a\x01\x7f")");
  EXPECT_EQ(quote("é\u00a0\U0001F600"), "\"é\\u00a0\U0001F600\"");
  EXPECT_EQ(quote("é\U0001F600", QuoteStyle::ascii), R"("\u00e9\U0001f600")");
}

TEST(Utf8, InvalidBytesComeOneAtATime) {
  for (const std::string_view bad :
       {"\xFF", "\xC0\x80", "\xE2\x82", "\xED\xA0\x80", "\xF5\x80\x80\x80"}) {
    const Rune rune = decode_rune(bad);
    EXPECT_FALSE(rune.valid);
    EXPECT_EQ(rune.size, 1U);
  }
  EXPECT_EQ(decode_rune("\xF0\x9F\x98\x80").code, 0x1F600U);
}

TEST(Utf8, Widths) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("日本"), 4);
  EXPECT_EQ(display_width("\U0001F600"), 2);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("\x1B[31m"), 4);
  EXPECT_EQ(take_columns("a日本", 4), "a日");
}

TEST(Utf8, CaseMappingIsItsOwnInverse) {
  for (const char32_t c : std::u32string_view(U"azéÿāžжяґωά")) {
    EXPECT_NE(upper_rune(c), c) << static_cast<unsigned>(c);
    EXPECT_EQ(lower_rune(upper_rune(c)), c) << static_cast<unsigned>(c);
  }
  EXPECT_EQ(upper_rune(U'ß'), U'ß');
  EXPECT_EQ(upper_rune(U'÷'), U'÷');
}

}  // namespace
}  // namespace kiln::format
