// SPDX-License-Identifier: Apache-2.0
#include "format/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::format {
namespace {

using namespace std::chrono_literals;

TEST(Units, HumanSizesRoundAsDockers) {
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_size(999), "999B");
  EXPECT_EQ(human_size(1000), "1kB");
  EXPECT_EQ(human_size(1050), "1.05kB");
  EXPECT_EQ(human_size(1982393), "1.98MB");
  EXPECT_EQ(human_size(1982393, 4), "1.982MB");
  EXPECT_EQ(human_size(4270000), "4.27MB");
  EXPECT_EQ(human_size(164047917), "164MB");
  EXPECT_EQ(human_size(5974000, 4), "5.974MB");
  EXPECT_EQ(human_size(1.5e12), "1.5TB");
  // docker has this wart too.
  EXPECT_EQ(human_size(999999), "1e+03kB");
}

TEST(Units, BinarySizes) {
  EXPECT_EQ(binary_size(0), "0B");
  EXPECT_EQ(binary_size(1023), "1023B");
  EXPECT_EQ(binary_size(64 << 20), "64MiB");
  EXPECT_EQ(binary_size(1.5 * (1 << 30)), "1.5GiB");
  EXPECT_EQ(binary_size(25276502016), "23.54GiB");
}

TEST(Units, DurationsInWords) {
  EXPECT_EQ(human_duration(999ms), "Less than a second");
  EXPECT_EQ(human_duration(1s), "1 second");
  EXPECT_EQ(human_duration(59s), "59 seconds");
  EXPECT_EQ(human_duration(60s), "About a minute");
  EXPECT_EQ(human_duration(119s), "About a minute");
  EXPECT_EQ(human_duration(25min), "25 minutes");
  EXPECT_EQ(human_duration(59min + 59s), "59 minutes");
  EXPECT_EQ(human_duration(60min), "About an hour");
  EXPECT_EQ(human_duration(89min), "About an hour");
  EXPECT_EQ(human_duration(90min), "2 hours");
  EXPECT_EQ(human_duration(47h), "47 hours");
  EXPECT_EQ(human_duration(48h), "2 days");
  EXPECT_EQ(human_duration(24h * 13), "13 days");
  EXPECT_EQ(human_duration(24h * 14), "2 weeks");
  EXPECT_EQ(human_duration(24h * 59), "8 weeks");
  EXPECT_EQ(human_duration(24h * 60), "2 months");
  EXPECT_EQ(human_duration(24h * 365 * 2), "2 years");
}

TEST(Units, SizesWithSuffixes) {
  const auto parsed = [](std::string_view text) {
    const auto size = parse_binary_size(text);
    return size.ok() ? size.value() : -1;
  };
  EXPECT_EQ(parsed("512"), 512);
  EXPECT_EQ(parsed("64m"), 64 << 20);
  EXPECT_EQ(parsed("1.5g"), std::int64_t{3} << 29);
  EXPECT_EQ(parsed("10KiB"), 10240);
  EXPECT_EQ(parsed("10 kb"), 10240);
  EXPECT_EQ(parsed("32b"), 32);
  EXPECT_EQ(parsed("0.5k"), 512);
  EXPECT_EQ(*parse_decimal_size("10kB"), 10000);
  for (const auto* bad :
       {"", "m", "-1m", "1mm", "1bb", "1x", "1kib ", "1 2 m", "1kibb", "nan", "1e30g"})
    EXPECT_EQ(parsed(bad), -1) << bad;
  EXPECT_EQ(parse_binary_size("hello").error().message(), "invalid size: 'hello'");
}

TEST(Units, GoDurations) {
  EXPECT_EQ(*parse_duration("1m30s"), 90s);
  EXPECT_EQ(*parse_duration("1.5h"), 90min);
  EXPECT_EQ(*parse_duration("-10ms"), -10ms);
  EXPECT_EQ(*parse_duration("100us"), 100us);
  EXPECT_EQ(*parse_duration("100µs"), 100us);
  EXPECT_EQ(*parse_duration("0"), 0s);
  EXPECT_EQ(*parse_duration(".5s"), 500ms);
  EXPECT_EQ(parse_duration("").error().message(), R"(invalid duration "")");
  EXPECT_EQ(parse_duration("3").error().message(), R"(missing unit in duration "3")");
  EXPECT_EQ(parse_duration("3d").error().message(), R"(unknown unit "d" in duration "3d")");
  EXPECT_EQ(parse_duration("s").error().message(), R"(invalid duration "s")");
  EXPECT_FALSE(parse_duration("1000000000h").ok());
}

TEST(Units, ShortIds) {
  EXPECT_EQ(truncate_id("sha256:e2cf44450387c7de826276034928cea6"), "e2cf44450387");
  EXPECT_EQ(truncate_id("e2cf44450387c7de"), "e2cf44450387");
  EXPECT_EQ(truncate_id("abc"), "abc");
}

TEST(Units, EllipsisCountsColumns) {
  EXPECT_EQ(ellipsis("hello", 5), "hello");
  EXPECT_EQ(ellipsis("hello!", 5), "hell…");
  EXPECT_EQ(ellipsis("日本語", 6), "日本語");
  EXPECT_EQ(ellipsis("日本語", 5), "日本…");
  EXPECT_EQ(ellipsis("日本語", 4), "日…");
  EXPECT_EQ(ellipsis("hello", 1), "h");
  EXPECT_EQ(ellipsis("hello", 0), "");
}

}  // namespace
}  // namespace kiln::format
