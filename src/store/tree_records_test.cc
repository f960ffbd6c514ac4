// SPDX-License-Identifier: Apache-2.0
#include "store/tree_records.h"

#include <gtest/gtest.h>

#include "os/fd.h"
#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

class TreeRecordsTest : public ::testing::Test {
 protected:
  TreeRecords open() { return TreeRecords(top_.path("records")); }
  void save_one() {
    auto records = open();
    records.put(sha256("key"), sha256("digest"), "listing");
    must(records.save());
  }
  std::string bytes() { return must(os::read_file(top_.path("records"))); }
  TempDir top_;
};

TEST_F(TreeRecordsTest, KeepsWhatWasPut) {
  save_one();
  auto records = open();
  const auto found = records.find(sha256("key"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, sha256("digest"));
  EXPECT_EQ(found->listing, "listing");
  EXPECT_FALSE(records.find(sha256("other")));
}

TEST_F(TreeRecordsTest, ReplacesARecordWhoseListingMayStillBeRead) {
  save_one();
  auto records = open();
  const auto before = records.find(sha256("key"));
  records.put(sha256("key"), sha256("new"), "new listing");
  EXPECT_EQ(before->listing, "listing");
  EXPECT_EQ(records.find(sha256("key"))->digest, sha256("new"));
  must(records.save());
  EXPECT_EQ(open().find(sha256("key"))->listing, "new listing");
}

TEST_F(TreeRecordsTest, MissingForeignOrShortenedFileHasNone) {
  EXPECT_FALSE(open().find(sha256("key")));
  must(os::write_file_atomically(top_.path("records"), "something else"));
  EXPECT_FALSE(open().find(sha256("key")));
  save_one();
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    must(os::write_file_atomically(top_.path("records"), whole.substr(0, size)));
    EXPECT_FALSE(open().find(sha256("key"))) << size;
  }
}

TEST_F(TreeRecordsTest, ChangedBytesNeverGiveAnotherDigest) {
  save_one();
  const std::string whole = bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    must(os::write_file_atomically(top_.path("records"), damaged));
    EXPECT_FALSE(open().find(sha256("key"))) << i;
  }
}

TEST_F(TreeRecordsTest, KeepsThoseThatWereAskedForLast) {
  save_one();
  auto records = open();
  for (int i = 0; i < 15; ++i) records.put(sha256(std::to_string(i)), {}, "x");
  must(records.save());
  auto later = open();
  ASSERT_TRUE(later.find(sha256("key")));
  for (int i = 15; i < 30; ++i) later.put(sha256(std::to_string(i)), {}, "x");
  must(later.save());
  auto last = open();
  EXPECT_TRUE(last.find(sha256("key")));
  EXPECT_TRUE(last.find(sha256("29")));
  EXPECT_FALSE(last.find(sha256("14")));
}

}  // namespace
}  // namespace kiln::store
