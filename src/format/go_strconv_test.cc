// SPDX-License-Identifier: Apache-2.0
#include "format/go_strconv.h"

#include <gtest/gtest.h>

namespace kiln::format {
namespace {

TEST(GoStrconv, QuotesAsGoDoes) {
  EXPECT_EQ(quote("a \"b\" \\ c"), R"("a \"b\" \\ c")");
  EXPECT_EQ(quote("\n\t\r"), R"("\n\t\r")");
  EXPECT_EQ(quote("\a\b\f\v"), R"("\a\b\f\v")");
  EXPECT_EQ(quote(std::string_view("\0\x1f\x7f", 3)), R"("\x00\x1f\x7f")");
  EXPECT_EQ(quote("grüße"), "\"grüße\"");
  EXPECT_EQ(quote("\xff"), R"("\xff")");
  EXPECT_EQ(quote("a\u00a0\u200b"), R"("a\u00a0\u200b")");
  EXPECT_EQ(quote("grüße", QuoteStyle::ascii), R"("gr\u00fc\u00dfe")");
}

}  // namespace
}  // namespace kiln::format
