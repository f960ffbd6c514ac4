// SPDX-License-Identifier: Apache-2.0
#include "store/build_history.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "os/test_temp_dir.h"
#include "store/store.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

class BuildHistoryTest : public ::testing::Test {
 protected:
  /// Adds a build that began at `seconds`.
  BuildRecord add(std::int64_t seconds, const std::string& log = "", HistoryLimits limits = {}) {
    BuildRecord record;
    record.id = BuildHistory::new_id();
    record.created = {seconds, 5};
    record.milliseconds = 1234;
    record.status = "Completed";
    record.name = "app";
    record.details = "{}";
    record.log_size = log.size();
    if (!log.empty()) top_.write("log", log);
    must(store_.builds().add(record, log.empty() ? "" : top_.path("log"), {}, limits));
    return record;
  }
  std::size_t logs() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(store_.paths().builds()), {}));
  }
  std::vector<std::string> ids() {
    std::vector<std::string> out;
    for (const auto& record : must(store_.builds().list())) out.push_back(record.id);
    return out;
  }
  TempDir top_;
  Store store_ = must(Store::open(top_.path("store")));
};

TEST_F(BuildHistoryTest, BuildsComeBackLatestFirst) {
  const auto a = add(100), b = add(200, "a log\n");
  EXPECT_EQ(ids(), (std::vector<std::string>{b.id, a.id}));
  const BuildRecord found = must(store_.builds().get(b.id));
  EXPECT_EQ(found.created, b.created);
  EXPECT_EQ(found.milliseconds, 1234);
  EXPECT_EQ(must(store_.builds().log(found)), "a log\n");
  EXPECT_EQ(must(store_.builds().log(a)), "");
}

TEST_F(BuildHistoryTest, ReferencesAreIdsTheirBeginningsAndPlaces) {
  const auto a = add(100), b = add(200);
  const auto id = [&](const std::string& reference) {
    return must(store_.builds().get(reference)).id;
  };
  EXPECT_EQ(id(""), b.id);
  EXPECT_EQ(id("^0"), b.id);
  EXPECT_EQ(id("^1"), a.id);
  EXPECT_EQ(id(a.id.substr(0, 20)), a.id);
  EXPECT_EQ(id("default/default/" + a.id), a.id);
  EXPECT_EQ(store_.builds().get("^2").error().kind(), ErrorKind::not_found);
  EXPECT_EQ(store_.builds().get("nosuch").error().kind(), ErrorKind::not_found);
  EXPECT_EQ(store_.builds().get("^x").error().kind(), ErrorKind::invalid_input);
}

TEST_F(BuildHistoryTest, OldAndSurplusBuildsGoWithTheirLogs) {
  constexpr std::int64_t kNow = 10'000'000;
  HistoryLimits limits;
  limits.max_entries = 2;
  limits.max_age = 1000;
  add(kNow - 2000, "old", {});
  const auto a = add(kNow - 10, "a", {}), b = add(kNow - 5, "b", {});
  EXPECT_EQ(logs(), 3u);
  const auto c = add(kNow, "c", limits);
  EXPECT_EQ(ids(), (std::vector<std::string>{c.id, b.id}));
  EXPECT_EQ(logs(), 2u);
}

TEST_F(BuildHistoryTest, RemovedIsGoneWithItsLog) {
  const auto a = add(100, "a");
  must(store_.builds().remove(a));
  EXPECT_TRUE(ids().empty());
  EXPECT_EQ(logs(), 0u);
}

TEST_F(BuildHistoryTest, UseOfRecordsIsCounted) {
  CacheRecord record;
  record.key = std::string(64, 'a');
  record.layer = oci::DiffId::of("x");
  record.created = {50, 0};
  must(store_.records().put(record));
  BuildRecord build;
  build.id = BuildHistory::new_id();
  build.created = {900, 0};
  must(store_.builds().add(build, "", {record.key}, {}));
  const Database database = must(Database::open(store_.paths().database()));
  auto query = must(database.prepare("SELECT used, uses FROM records"));
  ASSERT_TRUE(must(query.step()));
  EXPECT_EQ(query.number(0), 900);
  EXPECT_EQ(query.number(1), 2);
}

}  // namespace
}  // namespace kiln::store
