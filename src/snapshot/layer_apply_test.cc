// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_apply.h"

#include <gtest/gtest.h>

#include "archive/tar_writer.h"
#include "os/test_mounts.h"
#include "snapshot/layer_builder.h"
#include "snapshot/test_tar.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using os::test::TempDir;
using test::Tar;

constexpr std::uint64_t kNoLimit = UINT64_MAX;

OpenSource from(const std::string& bytes) {
  return [&bytes]() -> Result<std::unique_ptr<archive::ByteSource>> {
    return std::unique_ptr<archive::ByteSource>(
        std::make_unique<archive::MemorySource>(archive::as_bytes(bytes)));
  };
}

/// Names in a folder of the store.
std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : must(must(os::Dir::open(path)).list())) names.push_back(entry.name);
  return names;
}

class LayerApply : public ::testing::Test {
 protected:
  TempDir top_;
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

TEST_F(LayerApply, CanonicalStreamNeedsNoBlob) {
  Tar tar;
  tar.file("a", "one").dir("d").file("d/f", "two");
  const std::string bytes = tar.text();
  const auto id = oci::DiffId::of(bytes);
  const auto info = must(apply_layer(store_, from(bytes), id, kNoLimit));
  EXPECT_FALSE(info.blob.has_value());
  EXPECT_EQ(info.tar_size, bytes.size());
  EXPECT_EQ(info.content_size, 6u);
  archive::StringSink out;
  must(write_layer_tar(store_, must(store_.layers().get(id)), out));
  EXPECT_TRUE(out.text() == bytes);
}

TEST_F(LayerApply, OtherStreamsLeaveTheStoreAsTheyCame) {
  Tar tar;
  tar.file("z", "order").file("a", "is not canonical");
  const std::string bytes = tar.text() + std::string(10240, '\0');
  const auto id = oci::DiffId::of(bytes);
  const auto info = must(apply_layer(store_, from(bytes), id, kNoLimit));
  ASSERT_TRUE(info.blob.has_value());
  archive::StringSink out;
  must(write_layer_tar(store_, must(store_.layers().get(id)), out));
  EXPECT_TRUE(out.text() == bytes);
}

TEST_F(LayerApply, WrongDigestIsCorruptAndNothingIsNamed) {
  Tar tar;
  tar.file("a", "one");
  const std::string bytes = tar.text();
  const auto id = oci::DiffId::of("something else");
  const auto applied = apply_layer(store_, from(bytes), id, kNoLimit);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().kind(), ErrorKind::corrupt);
  EXPECT_FALSE(must(store_.layers().find(id)).has_value());
  EXPECT_TRUE(names_in(store_.paths().layers()).empty());
  EXPECT_TRUE(names_in(store_.workspace().path()).empty());
}

TEST_F(LayerApply, LayerThatIsThereIsNotRead) {
  Tar tar;
  tar.file("a", "one");
  const std::string bytes = tar.text();
  const auto id = oci::DiffId::of(bytes);
  must(apply_layer(store_, from(bytes), id, kNoLimit));
  must(apply_layer(
      store_, []() -> Result<std::unique_ptr<archive::ByteSource>> { return corrupt("was read"); },
      id, kNoLimit));
}

TEST_F(LayerApply, HostileStreamLeavesNothing) {
  Tar tar;
  tar.file("ok").file("../evil");
  const std::string bytes = tar.text();
  const auto applied = apply_layer(store_, from(bytes), oci::DiffId::of(bytes), kNoLimit);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().kind(), ErrorKind::corrupt);
  EXPECT_TRUE(names_in(store_.paths().layers()).empty());
}

TEST_F(LayerApply, ImportedLayerHasItsCanonicalDigest) {
  Tar tar, canonical;
  tar.file("z", "order").file("a", "other");
  canonical.file("a", "other").file("z", "order");
  const std::string bytes = tar.text();
  archive::MemorySource source(archive::as_bytes(bytes));
  EXPECT_EQ(must(import_layer(store_, source)).diff_id, oci::DiffId::of(canonical.text()));
}

TEST_F(LayerApply, StreamThatBecomesTooMuchIsNotUnpackedToItsEnd) {
  Tar tar;
  tar.file("a", std::string(100'000, 'a')).file("b", "never written");
  const std::string bytes = tar.text();
  archive::MemorySource source(archive::as_bytes(bytes));
  const auto keep = []() -> Result<oci::Descriptor> { return corrupt("was kept"); };
  const auto applied =
      apply_layer_once(store_, source, oci::DiffId::of(bytes), bytes.size() - 1, keep);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().kind(), ErrorKind::corrupt);
  EXPECT_NE(applied.error().message().find("unpacks to too much"), std::string::npos);
  const auto again = apply_layer(store_, from(bytes), oci::DiffId::of(bytes), bytes.size() - 1);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().kind(), ErrorKind::corrupt);
  EXPECT_TRUE(names_in(store_.paths().layers()).empty());
}

/// Gives zeros, asking for an end after the first of them.
class EndlessSource final : public archive::ByteSource {
 public:
  EndlessSource(std::string_view head, std::stop_source stop)
      : head_(archive::as_bytes(head)), stop_(std::move(stop)) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    const std::size_t n = TRY(head_.read(into));
    if (n > 0) return n;
    if (++reads_ > 100) return corrupt("it went on");
    stop_.request_stop();
    std::ranges::fill(into, std::byte(0));
    return into.size();
  }

 private:
  archive::MemorySource head_;
  std::stop_source stop_;
  int reads_ = 0;
};

TEST_F(LayerApply, EndsOnceItIsAskedTo) {
  Tar tar;
  const std::string ended = tar.file("a").text();
  TarEntry large = Tar::make(EntryType::file, "large");
  large.size = std::uint64_t{1} << 40;
  const std::string content = archive::tar_header(large);
  for (const std::string& head : {ended, content}) {
    std::stop_source stop;
    EndlessSource source(head, stop);
    const auto keep = []() -> Result<oci::Descriptor> { return corrupt("was kept"); };
    const auto applied =
        apply_layer_once(store_, source, oci::DiffId::of("x"), kNoLimit, keep, stop.get_token());
    ASSERT_FALSE(applied.ok());
    EXPECT_EQ(applied.error().kind(), ErrorKind::cancelled) << applied.error().message();
  }
  EXPECT_TRUE(names_in(store_.workspace().path()).empty());
}

TEST_F(LayerApply, WhatABlobSaysOfItsSizeIsItsLimit) {
  oci::Descriptor blob;
  blob.size = 200'000;
  EXPECT_EQ(expansion_limit(blob), std::uint64_t{2'000'000'000});
  blob.size = 10;
  EXPECT_EQ(expansion_limit(blob), std::uint64_t{1} << 30);
  blob.annotations["io.containers.estargz.uncompressed-size"] = "4096";
  EXPECT_EQ(expansion_limit(blob), 4096U);
}

TEST_F(LayerApply, DamagedLayerIsNotHandedOut) {
  Tar tar;
  tar.file("a", "one");
  const std::string bytes = tar.text();
  const auto info = must(apply_layer(store_, from(bytes), oci::DiffId::of(bytes), kNoLimit));
  must(os::write_all(
      must(os::create_or_truncate_file(store_.paths().layer_fs(info.diff_id) + "/a")), "two", "a"));
  archive::StringSink out;
  const auto written = write_layer_tar(store_, info, out);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().kind(), ErrorKind::corrupt);
}

TEST_F(LayerApply, RandomLayersTravelBetweenStores) {
  store::Store other = must(store::Store::open(top_.path("other")));
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    test::Random random(seed);
    auto ingest = must(store_.layers().create());
    test::TreeMaker(random, {.overlay = true}).fill(ingest.fs(), 6, test::odd_names());
    const auto tree = must(digest_tree(ingest.fs()));
    const auto there = test::describe(ingest.fs());
    store::LayerInfo info;
    info.diff_id = tree.diff_id;
    must(store_.layers().commit(std::move(ingest), info));
    archive::StringSink bytes;
    must(write_layer_tar(store_, info, bytes));
    const auto applied = must(apply_layer(other, from(bytes.text()), info.diff_id, kNoLimit));
    EXPECT_FALSE(applied.blob.has_value());
    ASSERT_EQ(there, test::describe(must(other.layers().open_fs(info.diff_id))));
  }
}

/// A store on a small file system.
class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!os::test::why_no_mounts().empty()) GTEST_SKIP() << os::test::why_no_mounts();
    top_.make_dir("disk");
    disk_.emplace(top_.path("disk"), std::size_t{4} << 20);
    ASSERT_EQ(disk_->error(), "");
    store_.emplace(must(store::Store::open(top_.path("disk/store"))));
  }
  void TearDown() override { store_.reset(); }
  void expect_nothing_named() {
    EXPECT_TRUE(names_in(store_->paths().layers()).empty());
    EXPECT_TRUE(names_in(store_->paths().blobs()).empty());
    EXPECT_TRUE(names_in(store_->workspace().path()).empty());
  }

  TempDir top_;
  std::optional<os::test::Tmpfs> disk_;
  std::optional<store::Store> store_;
  const std::string large_ = test::Random(1).bytes(std::size_t{6} << 20);
};

TEST_F(FullDisk, BlobFailsForWantOfSpace) {
  const auto put = store_->blobs().put(large_);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().kind(), ErrorKind::no_space) << put.error().message();
  expect_nothing_named();
}

TEST_F(FullDisk, UnpackedLayerFailsForWantOfSpace) {
  Tar tar;
  tar.file("small").file("large", large_);
  const std::string bytes = tar.text();
  const auto applied = apply_layer(*store_, from(bytes), oci::DiffId::of(bytes), kNoLimit);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().kind(), ErrorKind::no_space) << applied.error().message();
  expect_nothing_named();
}

TEST_F(FullDisk, WrittenLayerFailsForWantOfSpace) {
  top_.make_dir("source");
  top_.write("source/large", large_);
  const os::Dir source = must(os::Dir::open(top_.path("source")));
  const LayerView nothing{std::vector<os::Dir>()};
  auto plan = must(LayerBuilder::create(nothing, {}));
  must(plan.put_file(os::RelPath::clean("large"), {&source, os::RelPath::clean("large"), {}, false},
                     {0644, 0, 0, 0, 0, {}}));
  {
    const auto ingest = must(store_->layers().create());
    const auto written =
        plan.write(ingest, [](std::size_t, const os::FileInfo&, const Sha256Bytes&) {});
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().kind(), ErrorKind::no_space) << written.error().message();
  }
  expect_nothing_named();
}

TEST_F(FullDisk, StoreWorksAgainOnceThereIsSpace) {
  ASSERT_FALSE(store_->blobs().put(large_).ok());
  const auto digest = must(store_->blobs().put("small"));
  EXPECT_EQ(must(store_->blobs().read(digest)), "small");
  store_.reset();
  EXPECT_TRUE(must(store::Store::open(top_.path("disk/store"))).blobs().has(digest));
}

TEST_F(FullDisk, IndexFailsForWantOfSpace) {
  // What is left is taken by a file outside of the store.
  const os::Fd filler = must(os::create_file(top_.path("disk/filler")));
  while (os::write_all(filler, std::string(4096, 'x'), "filler").ok()) {
  }
  store::CacheRecord record;
  record.key = std::string(64, 'a');
  record.operation = std::string(100'000, 'x');
  const auto put = store_->records().put(record);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().kind(), ErrorKind::no_space) << put.error().message();
}

}  // namespace
}  // namespace kiln::snapshot
