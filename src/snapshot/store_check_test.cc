// SPDX-License-Identifier: Apache-2.0
#include "snapshot/store_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/test_temp_dir.h"
#include "snapshot/layer_apply.h"
#include "snapshot/test_tar.h"
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
    info.disk_size = tree.stats.tar_size;
    must(store_.layers().commit(std::move(ingest), info));
    return info.diff_id;
  }
  store::Image put_image(const std::vector<oci::DiffId>& layers) {
    oci::ImageConfig config;
    config.diff_ids = layers;
    config.platform = {"linux", "amd64", {}};
    return must(store_.images().put(config.to_json(), {*oci::Reference::parse("app:1")}));
  }
  void add_record(char key, const oci::DiffId& layer, const std::string& below = {}) {
    store::CacheRecord record;
    record.key = std::string(64, key);
    record.instruction = "RUN x";
    record.inputs.add("layer:0", below.empty() ? std::string(1, key) : below);
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

TEST_F(StoreCheck, BrokenImageIsNamedAndMendedByMakingItsLayerAgain) {
  const auto layer = add_layer("a");
  const auto image = put_image({layer});
  damage(store_.paths().layer_fs(layer) + "/a");
  const CheckReport report = check(Repair::yes);
  ASSERT_EQ(report.defects.size(), 2u);
  EXPECT_EQ(report.defects[1].subject, Defect::Subject::image);
  EXPECT_NE(report.defects[1].name.find("app:1"), std::string::npos);
  EXPECT_FALSE(report.defects[0].repaired);
  EXPECT_TRUE(must(store_.images().find("app:1")).has_value());
  EXPECT_FALSE(must(store_.layers().find(layer)).has_value());
  // What there is of it stays for the image.
  must(store_.delete_unused_layers());
  EXPECT_TRUE(std::filesystem::exists(store_.paths().layer_fs(layer) + "/a"));
  EXPECT_EQ(check(Repair::yes).defects.size(), 1u);
  EXPECT_EQ(add_layer("a"), layer);
  EXPECT_TRUE(check().defects.empty());
}

TEST_F(StoreCheck, LayerWhoseDirectoryIsGoneCountsOnceWhenItIsMadeAgain) {
  const auto layer = add_layer("a");
  const auto before = must(store_.cache().usage()).bytes;
  std::filesystem::remove_all(store_.paths().layer(layer));
  EXPECT_FALSE(must(store_.layers().find(layer)).has_value());
  EXPECT_EQ(add_layer("a"), layer);
  EXPECT_TRUE(must(store_.layers().find(layer)).has_value());
  EXPECT_EQ(must(store_.cache().usage()).bytes, before);
}

TEST_F(StoreCheck, RunsThatHadADamagedLayerAreForgotten) {
  const auto bad = add_layer("b"), above = add_layer("c"), other = add_layer("d");
  add_record('1', bad);
  add_record('2', above, bad.str());
  add_record('3', other);
  damage(store_.paths().layer_fs(bad) + "/b");
  check(Repair::yes);
  EXPECT_FALSE(must(store_.records().find(std::string(64, '2'))).has_value());
  EXPECT_TRUE(must(store_.records().find(std::string(64, '3'))).has_value());
  EXPECT_TRUE(check().defects.empty());
}

TEST_F(StoreCheck, LayerIsMadeAgainFromItsBlob) {
  test::Tar tar;
  tar.file("z", "first").file("file", "content");
  const std::string bytes = tar.text();
  const auto open = [&]() -> Result<std::unique_ptr<archive::ByteSource>> {
    return std::unique_ptr<archive::ByteSource>(
        std::make_unique<archive::MemorySource>(archive::as_bytes(bytes)));
  };
  const auto layer = must(apply_layer(store_, open, oci::DiffId::of(bytes), bytes.size())).diff_id;
  put_image({layer});
  EXPECT_TRUE(check().defects.empty());
  damage(store_.paths().layer_fs(layer) + "/file");
  EXPECT_EQ(check().defects.size(), 2u);
  EXPECT_TRUE(check(Repair::yes).defects[0].repaired);
  EXPECT_TRUE(check().defects.empty());
}

TEST_F(StoreCheck, IndexIsChecked) {
  const auto layer = add_layer("a");
  put_image({layer});
  {
    const auto database = must(store::Database::open(store_.paths().database()));
    must(database.execute("DELETE FROM image_layers"));
    must(
        database.execute("INSERT INTO names (reference, image) VALUES ('docker.io/library/x:1', "
                         "'00')"));
  }
  const CheckReport report = check();
  ASSERT_EQ(report.defects.size(), 2u);
  EXPECT_EQ(report.defects[0].subject, Defect::Subject::index);
  EXPECT_NE(report.defects[0].what.find("docker.io/library/x:1"), std::string::npos);
  EXPECT_EQ(report.defects[1].subject, Defect::Subject::image);
}

}  // namespace
}  // namespace kiln::snapshot
