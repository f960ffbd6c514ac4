// SPDX-License-Identifier: Apache-2.0
#include "store/cache_records.h"

#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

CacheRecord record(char key) {
  CacheRecord out;
  out.key = std::string(64, key);
  out.instruction = "RUN make \"x\"\n  && y";
  out.operation = std::string("op\0\xff", 4);
  out.inputs.add("file:a b", "0644 \xff");
  out.inputs.add("env:PATH", "");
  out.inputs.add("layer:0", "sha256:x");
  out.layer = oci::DiffId::of("layer");
  out.created = {1'700'000'000, 123'456'789};
  out.milliseconds = 4321;
  return out;
}

class CacheRecordsTest : public ::testing::Test {
 protected:
  TempDir top_;
  Database database_ = must(Database::open(top_.path("index")));
  CacheRecords records_{database_};

  /// What the record of a key was made from.
  std::string inputs_of(const std::string& key) {
    for (const auto& record : must(records_.list())) {
      if (record.key == key) return must(records_.input_list(record.inputs_digest));
    }
    return "no record";
  }
};

TEST_F(CacheRecordsTest, ComeBackAsTheyWere) {
  must(records_.put(record('a')));
  const auto found = must(records_.find(record('a').key));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->instruction, record('a').instruction);
  EXPECT_EQ(found->operation, record('a').operation);
  EXPECT_EQ(found->layer, record('a').layer);
  EXPECT_EQ(found->created, record('a').created);
  EXPECT_EQ(found->milliseconds, 4321);
  EXPECT_TRUE(found->inputs.text.empty());
  EXPECT_EQ(inputs_of(record('a').key), record('a').inputs.text);
}

TEST_F(CacheRecordsTest, UnknownKeyIsNothing) {
  EXPECT_FALSE(must(records_.find(std::string(64, 'z'))).has_value());
}

TEST_F(CacheRecordsTest, StepWithoutALayer) {
  CacheRecord none = record('a');
  none.layer.reset();
  none.inputs = {};
  must(records_.put(none));
  EXPECT_FALSE(must(records_.find(none.key))->layer.has_value());
  EXPECT_EQ(inputs_of(none.key), "");
}

TEST_F(CacheRecordsTest, NewRecordReplacesTheOldOne) {
  must(records_.put(record('a')));
  CacheRecord second = record('a');
  second.layer = oci::DiffId::of("second");
  second.inputs = {"n\tv\n"};
  must(records_.put(second));
  EXPECT_EQ(must(records_.find(second.key))->layer, second.layer);
  EXPECT_EQ(inputs_of(second.key), "n\tv\n");
}

TEST_F(CacheRecordsTest, EqualInputListsAreSharedWithoutHarm) {
  must(records_.put(record('a')));
  must(records_.put(record('b')));
  EXPECT_EQ(inputs_of(record('a').key), inputs_of(record('b').key));
}

TEST_F(CacheRecordsTest, UseIsNoted) {
  must(records_.put(record('a')));
  must(records_.put(record('b')));
  const std::int64_t later = 1'700'000'000 + 10 * 24 * 3600;
  must(records_.touch({record('a').key, "unknown"}, later));
  must(records_.touch({}, later));
  auto query = must(database_.prepare("SELECT key FROM records ORDER BY used"));
  ASSERT_TRUE(must(query.step()));
  EXPECT_EQ(query.text(0), record('b').key);
}

}  // namespace
}  // namespace kiln::store
