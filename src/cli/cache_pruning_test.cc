// SPDX-License-Identifier: Apache-2.0
#include "cli/cache_pruning.h"

#include <gtest/gtest.h>

namespace kiln::cli {
namespace {

using store::CacheEntry;

CacheEntry entry(const std::string& id, std::uint64_t size, std::int64_t used) {
  CacheEntry out;
  out.id = id;
  out.size = size;
  out.used = used;
  out.description = "RUN make " + id;
  return out;
}

std::string ids(const std::vector<CacheEntry>& entries) {
  std::string out;
  for (const auto& each : entries) out += each.id;
  return out;
}

bool matches(const std::vector<std::string>& filters, const CacheEntry& each) {
  const auto parsed = CacheFilters::parse(filters, 1000);
  EXPECT_TRUE(parsed.ok());
  return parsed.ok() && parsed->matches(each);
}

TEST(CacheFilters, AllHaveToHold) {
  CacheEntry each = entry("abc", 1, 500);
  each.parents = {"p", "q"};
  EXPECT_TRUE(matches({}, each));
  EXPECT_TRUE(matches({"id=abc", "type=regular"}, each));
  EXPECT_FALSE(matches({"id=abc", "type=internal"}, each));
  EXPECT_TRUE(matches({"id!=x"}, each));
  EXPECT_FALSE(matches({"id!=abc"}, each));
  EXPECT_TRUE(matches({"parents=q"}, each));
  EXPECT_TRUE(matches({"description~=^RUN m.*c$"}, each));
  EXPECT_FALSE(matches({"description~=COPY"}, each));
  EXPECT_TRUE(matches({"private"}, each));
  EXPECT_FALSE(matches({"shared=true"}, each));
  EXPECT_TRUE(matches({"shared=false", "immutable", "inuse=0"}, each));
  EXPECT_FALSE(matches({"bogus=1"}, each));
  EXPECT_TRUE(matches({"bogus!=1", "parents!=r"}, each));
  EXPECT_TRUE(matches({"parents!=r"}, entry("without", 1, 500)));
}

TEST(CacheFilters, UntilIsADurationOrATime) {
  EXPECT_TRUE(matches({"until=400s"}, entry("a", 1, 500)));
  EXPECT_FALSE(matches({"until=600s"}, entry("a", 1, 500)));
  EXPECT_TRUE(matches({"until=1970-01-01T00:10:00Z"}, entry("a", 1, 500)));
  EXPECT_EQ(*parse_until("1970-01-02", 0), 86400);
  EXPECT_EQ(*parse_until("12.5", 0), 12);
  EXPECT_EQ(parse_until("xx", 0).error().message(),
            "failed to parse value as time or duration: \"xx\"");
}

TEST(CacheFilters, WhatIsNoFilterIsRefused) {
  for (const char* text : {"id", "description~=(", "until=soon"})
    EXPECT_FALSE(CacheFilters::parse({text}, 0).ok()) << text;
}

class Victims : public ::testing::Test {
 protected:
  Victims() { entries = {entry("a", 10, 1), entry("b", 10, 2), entry("c", 10, 3)}; }
  std::string chosen() const { return ids(choose_victims(entries, limits)); }
  std::vector<CacheEntry> entries;
  PruneLimits limits;
};

TEST_F(Victims, WithoutALimitAreAll) {
  EXPECT_EQ(chosen(), "abc");
  entries[1].reclaimable = false;
  EXPECT_EQ(chosen(), "ac");
}

TEST_F(Victims, AreTheLeastRecentlyUsedUntilTheLimitIsReached) {
  limits.max_used = 25;
  EXPECT_EQ(chosen(), "a");
  limits.max_used = 15;
  EXPECT_EQ(chosen(), "ab");
  limits.max_used = 100;
  EXPECT_EQ(chosen(), "");
}

TEST_F(Victims, MakeRoomOnTheDisk) {
  limits.min_free = 100;
  limits.available = 85;
  EXPECT_EQ(chosen(), "ab");
  limits.available = 100;
  EXPECT_EQ(chosen(), "");
}

TEST_F(Victims, LeaveWhatIsReserved) {
  limits.reserved = 20;
  EXPECT_EQ(chosen(), "a");
  limits.min_free = 1000;
  EXPECT_EQ(chosen(), "a");
}

TEST_F(Victims, AreNotWhatWouldFreeNothing) {
  entries[0].shared = true;
  limits.max_used = 15;
  EXPECT_EQ(chosen(), "b");
}

}  // namespace
}  // namespace kiln::cli
