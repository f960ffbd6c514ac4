// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

class DatabaseTest : public ::testing::Test {
 protected:
  Database open() { return must(Database::open(path_)); }
  static std::int64_t count(const Database& database) {
    auto query = must(database.prepare("SELECT count(*) FROM inputs"));
    EXPECT_TRUE(must(query.step()));
    return query.number(0);
  }
  static Result<void> insert(const Database& database, std::string_view key) {
    auto statement = must(database.prepare("INSERT INTO inputs (digest, list) VALUES (?, 'x')"));
    return statement.bind(0, key).run();
  }
  TempDir top_;
  std::string path_ = top_.path("index");
};

TEST_F(DatabaseTest, MayBeOpenedAgainAndTwice) {
  {
    must(insert(open(), "a"));
  }
  const Database first = open(), second = open();
  must(insert(first, "b"));
  EXPECT_EQ(count(second), 2);
}

TEST_F(DatabaseTest, TransactionWithoutCommitIsUndone) {
  const Database database = open();
  {
    const auto transaction = must(database.begin());
    must(insert(database, "a"));
  }
  EXPECT_EQ(count(database), 0);
  auto transaction = must(database.begin());
  must(insert(database, "a"));
  must(transaction.commit());
  EXPECT_EQ(count(database), 1);
}

TEST_F(DatabaseTest, OtherConnectionsSeeOnlyWhatIsCommitted) {
  const Database first = open(), second = open();
  auto transaction = must(first.begin());
  must(insert(first, "a"));
  EXPECT_EQ(count(second), 0);
  must(transaction.commit());
  EXPECT_EQ(count(second), 1);
}

TEST_F(DatabaseTest, NewerSchemaIsRefused) {
  {
    must(open().execute("PRAGMA user_version = 1000"));
  }
  const auto opened = Database::open(path_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind(), ErrorKind::unsupported);
  EXPECT_FALSE(opened.error().hint().empty());
}

/// A store that the first version wrote: its tables are there, and what this one added is not.
TEST_F(DatabaseTest, OlderSchemaIsBroughtUpToDate) {
  {
    const Database database = open();
    must(database.execute(
        "DROP INDEX images_by_manifest; DROP TRIGGER name_given; ALTER TABLE images DROP COLUMN "
        "tagged;"
        "DROP TABLE unsettled_layers; CREATE TABLE tree_digests (key TEXT PRIMARY KEY);"
        "DROP TRIGGER layer_resized; DROP INDEX layers_by_linked_from;"
        "ALTER TABLE layers DROP COLUMN linked_from;"
        "DROP TRIGGER layer_added; DROP TRIGGER layer_removed; DROP TABLE usage; DROP TABLE builds;"
        "DROP INDEX records_by_instruction; DROP INDEX records_by_place; DROP INDEX "
        "records_by_used;"
        "ALTER TABLE records DROP COLUMN place; ALTER TABLE records DROP COLUMN uses;"
        "CREATE INDEX records_by_instruction ON records (instruction);"
        "DROP TABLE layer_blobs; DROP TABLE blob_places; DROP TABLE image_digests;"
        "DROP TABLE manifest_lists; DROP TABLE index_images; DROP TABLE index_blobs; DROP INDEX "
        "names_by_index;"
        "DROP INDEX names_by_manifest; ALTER TABLE names DROP COLUMN manifest;"
        "ALTER TABLE names DROP COLUMN index_digest;"
        "INSERT INTO layers (diff_id, tar_size, content_size, disk_size) VALUES ('a', 1, 2, 4096);"
        "PRAGMA user_version = 1"));
  }
  const Database database = open();
  auto query = must(database.prepare("SELECT layer_bytes FROM usage"));
  ASSERT_TRUE(must(query.step()));
  EXPECT_EQ(query.number(0), 4096);
  must(database.execute("DELETE FROM layers"));
  auto after =
      must(database.prepare("SELECT layer_bytes, (SELECT count(*) FROM records WHERE place = '') "
                            "FROM usage"));
  ASSERT_TRUE(must(after.step()));
  EXPECT_EQ(after.number(0), 0);
}

TEST_F(DatabaseTest, NamesAndDigestsOfAnOlderStoreLeadToTheManifestOfTheirImage) {
  {
    must(open().execute(
        "DROP INDEX names_by_manifest; ALTER TABLE names DROP COLUMN manifest;"
        "DROP INDEX image_digests_by_manifest; ALTER TABLE image_digests DROP COLUMN manifest;"
        "ALTER TABLE image_digests DROP COLUMN pulled;"
        "INSERT INTO images (id, manifest, size, created) VALUES ('i', 'm', 1, 2);"
        "INSERT INTO names (reference, image, index_digest) VALUES ('one', 'i', ''), ('many', 'i', "
        "'x');"
        "INSERT INTO image_digests (repository, digest, image) VALUES ('r', 'm', 'i'), ('r', 'n', "
        "'i');"
        "PRAGMA user_version = 8"));
  }
  const Database database = open();
  auto query = must(
      database.prepare("SELECT reference, manifest FROM names UNION ALL SELECT digest, manifest "
                       "FROM image_digests ORDER BY 1"));
  for (const auto& [key, manifest] :
       {std::pair("m", "m"), std::pair("many", ""), std::pair("n", ""), std::pair("one", "m")}) {
    ASSERT_TRUE(must(query.step()));
    EXPECT_EQ(query.text(0), key);
    EXPECT_EQ(query.text(1), manifest);
  }
}

TEST_F(DatabaseTest, WhatIsNoDatabaseIsCorrupt) {
  top_.write("index", std::string(5000, 'x'));
  const auto opened = Database::open(path_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind(), ErrorKind::corrupt) << opened.error().message();
}

TEST_F(DatabaseTest, TextAndBytesComeBackAsTheyWere) {
  const Database database = open();
  const std::string odd("a\0b\xff'\n", 6);
  must(insert(database, odd));
  auto query = must(database.prepare("SELECT digest FROM inputs"));
  ASSERT_TRUE(must(query.step()));
  EXPECT_EQ(query.text(0), odd);
  EXPECT_FALSE(must(query.step()));
}

TEST_F(DatabaseTest, ManyAtOnceCreateItOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> errors(6);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    threads.emplace_back([this, i, &errors] {
      auto database = Database::open(path_);
      if (!database.ok())
        errors[i] = database.error().message();
      else if (auto inserted = insert(*database, std::to_string(i)); !inserted.ok())
        errors[i] = inserted.error().message();
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& error : errors) EXPECT_EQ(error, "");
  EXPECT_EQ(count(open()), 6);
}

TEST_F(DatabaseTest, TransactionsOfThreadsTakeTurns) {
  const Database database = open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 20; ++j) {
        auto transaction = must(database.begin());
        must(insert(database, std::to_string(i) + "/" + std::to_string(j)));
        if (j % 2 == 0) must(transaction.commit());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count(database), 40);
}

}  // namespace
}  // namespace kiln::store
