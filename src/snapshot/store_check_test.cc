// SPDX-License-Identifier: Apache-2.0
#include "snapshot/store_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/test_temp_dir.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using os::test::TempDir;

class StoreCheck : public ::testing::Test {
 protected:
  oci::DiffId add_layer(const std::string& name) {
    auto ingest = must(store_.layers().create());
    os::test::write_file_in(ingest.fs(), name, name);
    const TreeDigest tree = must(digest_tree(ingest.fs()));
    store::LayerInfo info;
    info.diff_id = tree.diff_id;
    info.tar_size = tree.stats.tar_size;
    must(store_.layers().commit(std::move(ingest), info));
    return info.diff_id;
  }
  void add_record(char key, const oci::DiffId& layer) {
    store::CacheRecord record;
    record.key = std::string(64, key);
    record.instruction = "RUN x";
    record.inputs.add("layer:0", std::string(1, key));
    record.layer = layer;
    must(store_.records().put(record));
  }
  void damage(const std::string& path) const { std::ofstream(path, std::ios::app) << "x"; }
  CheckReport check(Repair repair = Repair::no) { return must(check_store(store_, repair, 3)); }
  static std::vector<std::string> subjects(const CheckReport& report) {
    std::vector<std::string> out;
    for (const auto& defect : report.defects) out.push_back(defect.name);
    return out;
  }
  using Names = std::vector<std::string>;
  TempDir top_;
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

TEST_F(StoreCheck, SoundStoreHasNothingWrong) {
  const auto layer = add_layer("a");
  add_record('1', layer);
  must(store_.blobs().put("blob"));
  const CheckReport report = check();
  EXPECT_TRUE(report.defects.empty());
  EXPECT_EQ(report.layers, 1u);
  EXPECT_EQ(report.blobs, 1u);
  EXPECT_EQ(report.records, 1u);
}

TEST_F(StoreCheck, DamagedLayerOfTheCacheIsDroppedWithItsRecords) {
  const auto good = add_layer("a"), bad = add_layer("b");
  add_record('1', good);
  add_record('2', bad);
  damage(store_.paths().layer_fs(bad) + "/b");
  EXPECT_EQ(subjects(check()), (Names{bad.str()}));
  const CheckReport repaired = check(Repair::yes);
  ASSERT_EQ(repaired.defects.size(), 1u);
  EXPECT_TRUE(repaired.defects[0].repaired);
  EXPECT_TRUE(check().defects.empty());
  EXPECT_FALSE(must(store_.records().find(std::string(64, '2'))).has_value());
  EXPECT_TRUE(must(store_.layers().find(good)).has_value());
}

TEST_F(StoreCheck, DirectoryWithoutARowAndRowWithoutADirectoryAreFound) {
  const auto lost = add_layer("a");
  add_record('1', lost);
  std::filesystem::remove_all(store_.paths().layer(lost));
  const auto stray = oci::DiffId::of("stray");
  std::filesystem::create_directories(store_.paths().layer_fs(stray));
  EXPECT_EQ(check().defects.size(), 2u);
  for (const auto& defect : check(Repair::yes).defects) EXPECT_TRUE(defect.repaired) << defect.name;
  EXPECT_TRUE(check().defects.empty());
}

TEST_F(StoreCheck, DamagedBlobIsDroppedIfNoImageNamesIt) {
  const auto blob = must(store_.blobs().put("blob"));
  damage(store_.paths().blob(blob));
  EXPECT_EQ(subjects(check()), (Names{blob.str()}));
  EXPECT_TRUE(check(Repair::yes).defects[0].repaired);
  EXPECT_TRUE(check().defects.empty());
}

TEST_F(StoreCheck, RecordWhoseInputsAreDamagedIsDropped) {
  const auto layer = add_layer("a");
  add_record('1', layer);
  add_record('2', layer);
  add_record('3', oci::DiffId::of("never made"));
  {
    const auto database = must(store::Database::open(store_.paths().database()));
    must(
        database.execute("UPDATE inputs SET list = 'x' WHERE digest = (SELECT inputs FROM records "
                         "WHERE key LIKE '2%')"));
  }
  EXPECT_EQ(subjects(check()), (Names{std::string(64, '2')}));
  check(Repair::yes);
  EXPECT_TRUE(check().defects.empty());
  EXPECT_TRUE(must(store_.records().find(std::string(64, '1'))).has_value());
}

TEST_F(StoreCheck, BrokenImageIsNamedAndStays) {
  const auto layer = add_layer("a");
  oci::ImageConfig config;
  config.diff_ids = {layer};
  config.platform = {"linux", "amd64", {}};
  const auto image = must(store_.images().put(config.to_json(), {*oci::Reference::parse("app:1")}));
  damage(store_.paths().layer_fs(layer) + "/a");
  const CheckReport report = check(Repair::yes);
  ASSERT_EQ(report.defects.size(), 2u);
  EXPECT_EQ(report.defects[1].subject, Defect::Subject::image);
  EXPECT_NE(report.defects[1].name.find("app:1"), std::string::npos);
  EXPECT_FALSE(report.defects[0].repaired);
  EXPECT_TRUE(must(store_.images().find("app:1")).has_value());
  EXPECT_TRUE(must(store_.layers().find(layer)).has_value());
}

}  // namespace
}  // namespace kiln::snapshot
