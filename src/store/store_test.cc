// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <gtest/gtest.h>

#include <thread>

#include "os/file_io.h"
#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;

oci::DiffId add_layer(Store& store, const std::string& name) {
  auto ingest = must(store.layers().create());
  write_file_in(ingest.fs(), name, name);
  LayerInfo info;
  info.diff_id = oci::DiffId::of(name);
  info.tar_size = 10;
  info.content_size = 20;
  info.disk_size = 30;
  must(store.layers().commit(std::move(ingest), info));
  return info.diff_id;
}

class StoreTest : public ::testing::Test {
 protected:
  Store open() { return must(Store::open(top_.path("deep/er/store"))); }
  TempDir top_;
};

TEST_F(StoreTest, IsCreatedWithItsFolders) {
  const Store store = open();
  for (const auto& folder : {store.paths().blobs(), store.paths().layers(),
                             store.paths().contexts(), store.paths().temporary()})
    EXPECT_TRUE(os::path_exists(folder)) << folder;
}

TEST_F(StoreTest, TwoOnOneRootSeeEachOthersWork) {
  Store first = open(), second = open();
  const auto digest = must(first.blobs().put("content"));
  EXPECT_EQ(must(second.blobs().read(digest)), "content");
  const auto layer = add_layer(first, "layer");
  EXPECT_TRUE(must(second.layers().find(layer)).has_value());
  EXPECT_NE(first.workspace().path(), second.workspace().path());
}

TEST_F(StoreTest, NewerSchemaIsRefused) {
  {
    const Store store = open();
  }
  {
    must(must(Database::open(top_.path("deep/er/store/db/kiln.sqlite")))
             .execute("PRAGMA user_version = 1000"));
  }
  const auto opened = Store::open(top_.path("deep/er/store"));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind(), ErrorKind::unsupported);
}

TEST_F(StoreTest, UnusedLayersAreDeleted) {
  Store store = open();
  const auto unused = add_layer(store, "unused"), used = add_layer(store, "used");
  // A process that was killed between the directory and its row.
  const auto orphan = oci::DiffId::of("orphan");
  must(os::ensure_directory(store.paths().layer_fs(orphan)));
  CacheRecord record;
  record.key = std::string(64, 'a');
  record.layer = used;
  must(store.records().put(record));
  must(store.delete_unused_layers());
  EXPECT_FALSE(must(store.layers().find(unused)).has_value());
  EXPECT_FALSE(os::path_exists(store.paths().layer(unused)));
  EXPECT_TRUE(must(store.layers().find(used)).has_value());
  EXPECT_FALSE(os::path_exists(store.paths().layer(orphan)));
}

TEST_F(StoreTest, LayersAreLeftWhileAnotherUsesTheStore) {
  Store store = open();
  const auto layer = add_layer(store, "layer");
  {
    const Store other = open();
    must(store.delete_unused_layers());
    EXPECT_TRUE(must(store.layers().find(layer)).has_value());
  }
  // Whoever is alone next does it.
  EXPECT_TRUE(store.has_layers_to_delete());
  must(store.delete_unused_layers());
  EXPECT_FALSE(must(store.layers().find(layer)).has_value());
  EXPECT_FALSE(store.has_layers_to_delete());
}

TEST_F(StoreTest, StaysInUseWhenADeletionFails) {
  Store store = open();
  must(os::rename_file(store.paths().layers(), top_.path("away")));
  EXPECT_FALSE(store.delete_unused_layers().ok());
  EXPECT_FALSE(
      must(os::FileLock::try_acquire(store.paths().use_lock(), os::FileLock::Mode::exclusive))
          .has_value());
}

TEST_F(StoreTest, ALayerIsOpenedOnceUntilItIsDeleted) {
  Store store = open();
  const auto id = add_layer(store, "layer");
  const auto first = must(store.layers().open(id));
  EXPECT_TRUE(first->top->contains("layer"));
  EXPECT_EQ(must(store.layers().open(id)), first);
  must(store.layers().remove(id));
  EXPECT_EQ(store.layers().open(id).error().kind(), ErrorKind::not_found);
  // Others may have deleted and made it again meanwhile.
  EXPECT_EQ(add_layer(store, "layer"), id);
  const auto second = must(store.layers().open(id));
  must(store.delete_unused_layers());
  EXPECT_FALSE(store.layers().open(id).ok());
}

TEST_F(StoreTest, BlobsThatNothingRefersToAreFound) {
  Store store = open();
  const auto id = add_layer(store, "layer");
  const auto left = must(store.blobs().put("left")), used = must(store.blobs().put("used"));
  oci::Descriptor form;
  form.digest = used;
  must(store.distribution().note_layer_blob(id, form));
  EXPECT_EQ(must(store.cache().unreferenced_blobs()), std::vector<oci::Digest>{left});
}

TEST_F(StoreTest, DirectoryWithoutARowIsReplaced) {
  Store store = open();
  const auto id = oci::DiffId::of("layer");
  must(os::ensure_directory(store.paths().layer_fs(id) + "/half"));
  EXPECT_EQ(add_layer(store, "layer"), id);
  EXPECT_TRUE(must(must(store.layers().open_fs(id)).find("layer")).has_value());
  EXPECT_FALSE(must(must(store.layers().open_fs(id)).find("half")).has_value());
}

TEST_F(StoreTest, CanBeReadWhereNothingCanBeWritten) {
  {
    const Store store = open();
  }
  const auto database = must(Database::open_for_reading(top_.path("deep/er/store/db/kiln.sqlite")));
  EXPECT_FALSE(must(must(database.prepare("SELECT 1 FROM images")).step()));
  EXPECT_FALSE(database.execute("DELETE FROM images").ok());
}

TEST_F(StoreTest, IsInUseAgainAfterADeletion) {
  Store store = open();
  add_layer(store, "layer");
  must(store.delete_unused_layers());
  EXPECT_FALSE(
      must(os::FileLock::try_acquire(store.paths().use_lock(), os::FileLock::Mode::exclusive))
          .has_value());
}

TEST_F(StoreTest, DeletedLayerCanBeMadeAgain) {
  Store store = open();
  const auto layer = add_layer(store, "layer");
  must(store.delete_unused_layers());
  must(store.delete_unused_layers());
  EXPECT_EQ(add_layer(store, "layer"), layer);
  EXPECT_TRUE(must(must(store.layers().open_fs(layer)).find("layer")).has_value());
}

// --- layers

TEST_F(StoreTest, LayerIsFoundAsItWasCommitted) {
  Store store = open();
  const auto id = add_layer(store, "layer");
  const auto info = must(store.layers().get(id));
  EXPECT_EQ(info.diff_id, id);
  EXPECT_EQ(info.tar_size, 10u);
  EXPECT_EQ(info.content_size, 20u);
  EXPECT_EQ(info.disk_size, 30u);
  EXPECT_FALSE(info.blob.has_value());
  EXPECT_EQ(os::test::read_file_in(must(store.layers().open_fs(id)), "layer"), "layer");
}

TEST_F(StoreTest, LayersBlobIsRemembered) {
  Store store = open();
  LayerInfo info;
  info.diff_id = oci::DiffId::of("l");
  info.blob = oci::Descriptor{};
  info.blob->digest = oci::Digest::of("blob");
  info.blob->media_type = "application/x";
  info.blob->size = 99;
  must(store.layers().commit(must(store.layers().create()), info));
  const auto found = must(store.layers().get(info.diff_id));
  ASSERT_TRUE(found.blob.has_value());
  EXPECT_EQ(found.blob->digest, info.blob->digest);
  EXPECT_EQ(found.blob->media_type, "application/x");
  EXPECT_EQ(found.blob->size, 99u);
}

TEST_F(StoreTest, SecondCommitOfALayerIsDiscarded) {
  Store store = open();
  const auto id = add_layer(store, "layer");
  const auto inode = must(must(store.layers().open_fs(id)).stat(".")).inode;
  EXPECT_EQ(add_layer(store, "layer"), id);
  EXPECT_EQ(must(must(store.layers().open_fs(id)).stat(".")).inode, inode);
  EXPECT_TRUE(must(must(os::Dir::open(store.workspace().path())).list()).empty());
}

TEST_F(StoreTest, LayerWithoutItsIndexEntryIsTakenOver) {
  Store store = open();
  const auto id = add_layer(store, "layer");
  // As after a kill between the two.
  must(must(Database::open(store.paths().database())).execute("DELETE FROM layers"));
  EXPECT_FALSE(must(store.layers().find(id)).has_value());
  add_layer(store, "layer");
  EXPECT_TRUE(must(store.layers().find(id)).has_value());
}

TEST_F(StoreTest, EmptyLayerIsALayer) {
  Store store = open();
  for (int i = 0; i < 2; ++i) {
    LayerInfo info;
    info.diff_id = oci::DiffId::of("empty");
    must(store.layers().commit(must(store.layers().create()), info));
    EXPECT_TRUE(must(must(store.layers().open_fs(info.diff_id)).list()).empty());
  }
}

TEST_F(StoreTest, UncommittedLayerLeavesNothing) {
  Store store = open();
  {
    const auto ingest = must(store.layers().create());
    write_file_in(ingest.fs(), "f", "x");
    EXPECT_EQ(must(ingest.fs().stat(".")).permissions, 0755u);
  }
  EXPECT_TRUE(must(must(os::Dir::open(store.workspace().path())).list()).empty());
  EXPECT_TRUE(must(must(os::Dir::open(store.paths().layers())).list()).empty());
}

TEST_F(StoreTest, MissingLayerIsNotFound) {
  Store store = open();
  const auto id = oci::DiffId::of("absent");
  EXPECT_FALSE(must(store.layers().find(id)).has_value());
  const auto got = store.layers().get(id);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind(), ErrorKind::not_found);
  const auto opened = store.layers().open_all({id});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind(), ErrorKind::not_found);
}

TEST_F(StoreTest, ThreadsMayCommitTheSameLayer) {
  Store store = open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) add_layer(store, "layer" + std::to_string(j));
    });
  }
  for (auto& thread : threads) thread.join();
  for (int j = 0; j < 5; ++j)
    EXPECT_TRUE(
        must(store.layers().find(oci::DiffId::of("layer" + std::to_string(j)))).has_value());
}

TEST_F(StoreTest, BlobsThatNothingRefersToGoWithUnusedLayers) {
  Store store = open();
  const auto left = must(store.blobs().put("left by a killed pull"));
  const auto image = must(store.images().put(R"({"os":"linux","architecture":"amd64"})", {}));
  must(store.delete_unused_layers());
  EXPECT_FALSE(store.blobs().has(left));
  EXPECT_TRUE(store.blobs().has(image.id));
  EXPECT_TRUE(store.blobs().has(image.manifest));
}

}  // namespace
}  // namespace kiln::store
