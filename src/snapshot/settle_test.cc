// SPDX-License-Identifier: Apache-2.0
#include "snapshot/settle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/kernel.h"
#include "os/test_temp_dir.h"
#include "snapshot/layer_apply.h"
#include "snapshot/test_tar.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SettleTest : public ::testing::Test {
 protected:
  oci::DiffId add_layer(std::string_view content) {
    store::LayerIngest ingest = must(store_.layers().create());
    os::test::write_file_in(ingest.fs(), "file", content);
    store::LayerInfo info;
    info.diff_id = must(digest_tree(ingest.fs())).diff_id;
    must(store_.layers().commit(std::move(ingest), info));
    return info.diff_id;
  }
  /// One whose stream is not the one that its directory has.
  oci::DiffId load_layer(const std::string& content) {
    test::Tar tar;
    tar.file("z", "first").file("file", content);
    const std::string bytes = tar.text();
    const auto open = [&]() -> Result<std::unique_ptr<archive::ByteSource>> {
      return std::unique_ptr<archive::ByteSource>(
          std::make_unique<archive::MemorySource>(archive::as_bytes(bytes)));
    };
    return must(apply_layer(store_, open, oci::DiffId::of(bytes), bytes.size())).diff_id;
  }
  void set(const std::string& what) {
    const auto database = must(store::Database::open(store_.paths().database()));
    must(database.execute(("UPDATE unsettled_layers SET " + what).c_str()));
  }
  void damage(const oci::DiffId& id) const {
    must(os::create_or_truncate_file(store_.paths().layer_fs(id) + "/file"));
  }
  std::size_t unsettled() { return must(store_.layers().unsettled()).size(); }

  os::test::TempDir top_;
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

TEST_F(SettleTest, NewLayersAreLeftAlone) {
  add_layer("a");
  EXPECT_THAT(must(settle_layers(store_)), IsEmpty());
  EXPECT_EQ(unsettled(), 1U);
}

TEST_F(SettleTest, LayersThatTheDiskHadTimeForAreSafe) {
  const auto layer = add_layer("a");
  set("made = made - 3600");
  EXPECT_THAT(must(settle_layers(store_)), IsEmpty());
  // On a busy machine it waits for a better moment.
  if (os::unwritten_bytes() < (std::uint64_t{1} << 20)) {
    EXPECT_EQ(unsettled(), 0U);
  }
  EXPECT_TRUE(must(store_.layers().find(layer)).has_value());
}

TEST_F(SettleTest, WholeLayerOfAnEarlierBootIsKept) {
  const auto layer = add_layer("a");
  set("boot = 'earlier'");
  EXPECT_THAT(must(settle_layers(store_)), IsEmpty());
  EXPECT_EQ(unsettled(), 0U);
  EXPECT_TRUE(must(store_.layers().find(layer)).has_value());
}

TEST_F(SettleTest, DamagedLayerOfAnEarlierBootIsForgotten) {
  const auto layer = add_layer("a"), other = add_layer("b");
  damage(layer);
  set("boot = 'earlier'");
  EXPECT_THAT(must(settle_layers(store_)), ElementsAre(layer));
  EXPECT_FALSE(must(store_.layers().find(layer)).has_value());
  EXPECT_TRUE(must(store_.layers().find(other)).has_value());
  EXPECT_EQ(add_layer("a"), layer);
  EXPECT_EQ(must(digest_tree(must(store_.layers().open_fs(layer)))).diff_id, layer);
}

TEST_F(SettleTest, LoadedLayerIsComparedWithItsBlob) {
  const auto whole = load_layer("a"), damaged = load_layer("b"), blobless = load_layer("c");
  damage(damaged);
  const auto blob = must(store_.layers().get(blobless)).blob;
  ASSERT_TRUE(blob.has_value());
  must(store_.blobs().remove(blob->digest));
  set("boot = 'earlier'");
  EXPECT_THAT(must(settle_layers(store_)), ::testing::UnorderedElementsAre(damaged, blobless));
  EXPECT_TRUE(must(store_.layers().find(whole)).has_value());
  EXPECT_EQ(unsettled(), 0U);
  EXPECT_TRUE(must(must(os::Dir::open(store_.workspace().path())).list()).empty());
}

TEST_F(SettleTest, LayerWhoseDirectoryIsGoneIsForgotten) {
  const auto layer = add_layer("a");
  must(os::rename_file(store_.paths().layer(layer), top_.path("gone")));
  set("boot = 'earlier'");
  EXPECT_THAT(must(settle_layers(store_)), ElementsAre(layer));
  EXPECT_FALSE(must(store_.layers().find(layer)).has_value());
}

}  // namespace
}  // namespace kiln::snapshot
