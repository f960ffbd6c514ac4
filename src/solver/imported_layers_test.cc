// SPDX-License-Identifier: Apache-2.0
#include "solver/imported_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::solver {
namespace {

using os::test::must;
using ::testing::ElementsAre;
using ::testing::SizeIs;

/// Knows the layers of its steps, and has none of them.
class EmptiedCache final : public CacheImport {
 public:
  const std::string& place() const override { return place_; }
  std::optional<ImportedStep> find(const std::string&, const std::stop_token&) override {
    return std::nullopt;
  }
  Result<void> fetch_layer(const std::string& key, const std::stop_token&) override {
    asked.push_back(key);
    return Error(ErrorKind::not_found, "gone");
  }

  std::vector<std::string> asked;

 private:
  std::string place_ = "somewhere";
};

class ImportedLayersTest : public ::testing::Test {
 protected:
  store::CacheRecord record(const std::string& key) const {
    store::CacheRecord out;
    out.key = key;
    out.layer = layer_;
    return out;
  }

  os::test::TempDir work_;
  store::Store store_ = must(store::Store::open(work_.path("store")));
  oci::DiffId layer_ = must(oci::DiffId::parse("sha256:" + std::string(64, 'a')));
  ImportedLayers layers_{store_};
};

TEST_F(ImportedLayersTest, AStepIsFetchedByTheKeyItWasFoundByAlone) {
  EmptiedCache cache;
  must(layers_.expect(cache, "content", record("definition")));
  must(layers_.expect(cache, "content", record("content")));
  const auto there = layers_.ensure({layer_}, {});
  ASSERT_FALSE(there.ok());
  EXPECT_EQ(there.error().kind(), ErrorKind::interrupted);
  EXPECT_THAT(cache.asked, ElementsAre("content"));
  EXPECT_TRUE(layers_.is_distrusted(cache, "content"));
  EXPECT_FALSE(layers_.is_distrusted(cache, "definition"));
  EXPECT_TRUE(layers_.took_back());
  EXPECT_THAT(layers_.take_remarks(), SizeIs(1));
}

}  // namespace
}  // namespace kiln::solver
