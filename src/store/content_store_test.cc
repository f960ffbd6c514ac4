// SPDX-License-Identifier: Apache-2.0
#include "store/content_store.h"

#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

class ContentStoreTest : public ::testing::Test {
 protected:
  ContentStoreTest() {
    top_.make_dir("tmp");
    top_.make_dir("blobs/sha256");
  }
  std::size_t in(const std::string& folder) const {
    return must(must(os::Dir::open(folder)).list()).size();
  }
  TempDir top_;
  StorePaths paths_{top_.path()};
  Workspace workspace_ = (top_.make_dir("tmp"), must(Workspace::create(paths_)));
  ContentStore blobs_{paths_, workspace_};
};

TEST_F(ContentStoreTest, BlobIsReadByItsDigest) {
  const auto digest = must(blobs_.put("content"));
  EXPECT_EQ(digest, oci::Digest::of("content"));
  EXPECT_TRUE(blobs_.has(digest));
  EXPECT_EQ(must(blobs_.read(digest)), "content");
  EXPECT_EQ(must(blobs_.put("content")), digest);
  EXPECT_EQ(in(paths_.blobs()), 1u);
}

TEST_F(ContentStoreTest, UncommittedIngestLeavesNothing) {
  {
    Ingest ingest = must(blobs_.create());
    must(ingest.write(archive::as_bytes("half")));
    EXPECT_EQ(ingest.size(), 4u);
    const Ingest moved = std::move(ingest);
    EXPECT_EQ(in(workspace_.path()), 1u);
  }
  EXPECT_EQ(in(workspace_.path()), 0u);
  EXPECT_EQ(in(paths_.blobs()), 0u);
}

TEST_F(ContentStoreTest, WrongDigestIsCorruptAndNothingIsKept) {
  {
    Ingest ingest = must(blobs_.create());
    must(ingest.write(archive::as_bytes("content")));
    const auto committed = ingest.commit_as(oci::Digest::of("other"));
    ASSERT_FALSE(committed.ok());
    EXPECT_EQ(committed.error().kind(), ErrorKind::corrupt);
  }
  EXPECT_EQ(in(paths_.blobs()), 0u);
  EXPECT_EQ(in(workspace_.path()), 0u);
}

TEST_F(ContentStoreTest, ExpectedDigestIsCommitted) {
  Ingest ingest = must(blobs_.create());
  must(ingest.write(archive::as_bytes("con")));
  must(ingest.write(archive::as_bytes("tent")));
  must(ingest.commit_as(oci::Digest::of("content")));
  EXPECT_EQ(must(blobs_.read(oci::Digest::of("content"))), "content");
}

TEST_F(ContentStoreTest, DamagedBlobIsCorrupt) {
  const auto digest = must(blobs_.put("content"));
  top_.write("blobs/sha256/" + digest.hex(), "c0ntent");
  const auto read = blobs_.read(digest);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().kind(), ErrorKind::corrupt);
}

TEST_F(ContentStoreTest, MissingBlobIsNotFound) {
  const auto digest = oci::Digest::of("absent");
  EXPECT_FALSE(blobs_.has(digest));
  const auto read = blobs_.read(digest);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().kind(), ErrorKind::not_found);
  const auto opened = blobs_.open(digest);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind(), ErrorKind::not_found);
}

TEST_F(ContentStoreTest, RemovedBlobIsGone) {
  const auto digest = must(blobs_.put("content"));
  must(blobs_.remove(digest));
  EXPECT_FALSE(blobs_.has(digest));
  must(blobs_.remove(digest));
}

}  // namespace
}  // namespace kiln::store
