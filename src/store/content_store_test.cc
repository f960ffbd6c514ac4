// SPDX-License-Identifier: Apache-2.0
#include "store/content_store.h"

#include <gtest/gtest.h>

#include "os/test_temp_dir.h"
#include "store/store.h"

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

oci::Descriptor described(std::string_view content) {
  oci::Descriptor blob;
  blob.digest = oci::Digest::of(content);
  blob.size = content.size();
  return blob;
}

TEST(PartialBlob, IsGoneOnWithByTheNextProcess) {
  const os::test::TempDir top;
  const oci::Descriptor blob = described("0123456789");
  {
    Store store = must(Store::open(top.path("store")));
    Ingest first = must(store.blobs().resume(blob));
    must(first.write(archive::as_bytes("0123")));
  }
  Store store = must(Store::open(top.path("store")));
  {
    Ingest second = must(store.blobs().resume(blob));
    archive::StringSink earlier;
    must(second.copy_earlier(earlier));
    EXPECT_EQ(earlier.text(), "0123");
    // Pieces needn't end where the earlier attempt did.
    must(second.write(archive::as_bytes("01")));
    must(second.write(archive::as_bytes("23456")));
    must(second.write(archive::as_bytes("789")));
    must(second.commit_as(blob.digest));
  }
  EXPECT_EQ(must(store.blobs().read(blob.digest)), "0123456789");
  EXPECT_TRUE(must(must(os::Dir::open(store.paths().partial())).list()).empty());
}

TEST(PartialBlob, IsOneProcesssAtATime) {
  const os::test::TempDir top;
  Store store = must(Store::open(top.path("store")));
  const oci::Descriptor blob = described("content");
  Ingest first = must(store.blobs().resume(blob));
  must(first.write(archive::as_bytes("con")));
  {
    Ingest second = must(store.blobs().resume(blob));
    must(second.write(archive::as_bytes("content")));
    must(second.commit_as(blob.digest));
  }
  EXPECT_EQ(must(store.blobs().remove_partial(0)), 0U) << "it is in use";
  must(first.write(archive::as_bytes("tent")));
  must(first.commit_as(blob.digest));
  EXPECT_EQ(must(store.blobs().read(blob.digest)), "content");
}

TEST(PartialBlob, WhatIsWrongOrTooLongIsNotGoneOnWith) {
  const os::test::TempDir top;
  Store store = must(Store::open(top.path("store")));
  const oci::Descriptor blob = described("content");
  {
    Ingest wrong = must(store.blobs().resume(blob));
    must(wrong.write(archive::as_bytes("conTENT")));
    EXPECT_FALSE(wrong.commit_as(blob.digest).ok());
    wrong.discard();
  }
  EXPECT_TRUE(must(must(os::Dir::open(store.paths().partial())).list()).empty());
  must(os::write_file_atomically(store.paths().partial_blob(blob.digest), "content and more"));
  Ingest again = must(store.blobs().resume(blob));
  archive::StringSink earlier;
  must(again.copy_earlier(earlier));
  EXPECT_EQ(earlier.text(), "");
  must(again.write(archive::as_bytes("content")));
  must(again.commit_as(blob.digest));
  EXPECT_EQ(must(store.blobs().read(blob.digest)), "content");
}

TEST(PartialBlob, GoesWhenNobodyComesBackToIt) {
  const os::test::TempDir top;
  const oci::Descriptor young = described("young"), old = described("old");
  {
    Store store = must(Store::open(top.path("store")));
    for (const auto* blob : {&young, &old}) {
      Ingest part = must(store.blobs().resume(*blob));
      must(part.write(archive::as_bytes("x")));
    }
    const os::Dir folder = must(os::Dir::open(store.paths().partial()));
    must(folder.set_mtime(old.digest.hex(), 1'000'000, 0));
    must(os::write_file_atomically(store.paths().partial_blob(oci::Digest::of("a")) + ".lock", ""));
  }
  Store store = must(Store::open(top.path("store")));
  const auto left = must(must(os::Dir::open(store.paths().partial())).list());
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].name, young.digest.hex());
  must(store.blobs().remove_partial(0));
  EXPECT_TRUE(must(must(os::Dir::open(store.paths().partial())).list()).empty());
}

}  // namespace
}  // namespace kiln::store
