// SPDX-License-Identifier: Apache-2.0
#include "transport/image_copy.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "oci/image_config.h"
#include "oci/layout.h"
#include "os/test_temp_dir.h"
#include "snapshot/test_tar.h"
#include "transport/layout_image.h"

namespace kiln::transport {
namespace {

using snapshot::test::member_paths;

/// An artifact with one layer, of as many blocks as it is told to have, during the third of which
/// somebody asks for an end.
class InterruptedSource final : public ImageSource {
 public:
  static constexpr int kBlocks = 1000;

  InterruptedSource() {
    oci::Manifest manifest;
    manifest.config.media_type = "application/vnd.example.config";
    manifest.config.digest = oci::Digest::of("config");
    manifest.config.size = 6;
    oci::Descriptor layer;
    layer.media_type = "application/vnd.example.layer";
    layer.digest = oci::Digest::of("layer");
    layer.size = kBlocks * block_.size();
    manifest.layers = {layer};
    top_.content = manifest.to_json();
    top_.descriptor.media_type = manifest.media_type;
    top_.descriptor.digest = oci::Digest::of(top_.content);
    top_.descriptor.size = top_.content.size();
  }

  std::stop_token token() const { return interrupt_.get_token(); }
  int blocks_written() const { return written_; }

  Result<SourceManifest> top(std::stop_token) override { return top_; }
  Result<SourceManifest> instance(const oci::Descriptor&, std::stop_token) override {
    return not_found("no instance");
  }
  Result<void> write_blob(const oci::Descriptor&, archive::ByteSink& sink,
                          std::stop_token) override {
    for (written_ = 0; written_ < kBlocks; ++written_) {
      if (written_ == 3) interrupt_.request_stop();
      TRY(sink.write(block_));
    }
    return {};
  }
  const std::string& name() const override { return name_; }

 private:
  std::string name_ = "source";
  std::array<std::byte, 65536> block_ = {};
  SourceManifest top_;
  std::stop_source interrupt_;
  int written_ = 0;
};

/// Reads what it gets, and keeps nothing.
class NullDestination final : public ImageDestination {
 public:
  Traits traits() const override { return {}; }
  Result<std::optional<std::string>> find_blob(const oci::Descriptor&, std::stop_token) override {
    return std::optional<std::string>();
  }
  Result<void> put_blob(registry::BlobContent& content, const std::optional<oci::Descriptor>&,
                        std::stop_token) override {
    const auto source = TRY(content.open(0));
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const std::size_t n = TRY(source->read(buffer));
      if (n == 0) return {};
    }
  }
  Result<void> put_manifest(const oci::Descriptor&, std::string_view, Role,
                            std::stop_token) override {
    return {};
  }
  Result<void> finish(std::stop_token) override { return {}; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_ = "destination";
};

TEST(ImageCopy, EndsInTheMiddleOfABlobWhenAskedTo) {
  InterruptedSource source;
  NullDestination destination;
  CopyOptions options;
  options.stop = source.token();
  const auto copied = copy_image(source, destination, options);
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().kind(), ErrorKind::cancelled);
  EXPECT_EQ(source.blocks_written(), 3);
}

/// An image of several plain layers, each of which keeps its reader waiting for a while that nobody
/// can tell beforehand.
class UnevenSource final : public ImageSource {
 public:
  UnevenSource(std::size_t layers, unsigned seed) : chance_(seed) {
    oci::ImageConfig config;
    config.platform = {"linux", "amd64", {}};
    oci::Manifest manifest;
    for (std::size_t i = 0; i < layers; ++i) {
      const std::string text = "layer " + std::to_string(i) + std::string(1000 * i, 'x');
      manifest.layers.push_back(add(text, oci::media_type::kOciLayer));
      config.diff_ids.push_back(oci::DiffId::of(text));
    }
    manifest.config = add(config.to_json(), oci::media_type::kOciConfig);
    top_.content = manifest.to_json();
    top_.descriptor.media_type = manifest.media_type;
    top_.descriptor.digest = oci::Digest::of(top_.content);
    top_.descriptor.size = top_.content.size();
  }

  Result<SourceManifest> top(std::stop_token) override { return top_; }
  Result<SourceManifest> instance(const oci::Descriptor&, std::stop_token) override {
    return not_found("no instance");
  }
  Result<void> write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token) override {
    std::this_thread::sleep_for(pause());
    return sink.write(archive::as_bytes(blobs_.at(blob.digest)));
  }
  bool is_published() const override { return false; }
  const std::string& name() const override { return name_; }

 private:
  oci::Descriptor add(const std::string& text, std::string_view media_type) {
    oci::Descriptor out;
    out.media_type = media_type;
    out.digest = oci::Digest::of(text);
    out.size = text.size();
    blobs_[out.digest] = text;
    return out;
  }
  std::chrono::milliseconds pause() {
    const std::scoped_lock lock(mutex_);
    return std::chrono::milliseconds(chance_() % 8);
  }

  std::string name_ = "source";
  std::map<oci::Digest, std::string> blobs_;
  SourceManifest top_;
  std::mutex mutex_;
  std::minstd_rand chance_;
};

class ArchiveOfACopy : public ::testing::Test {
 protected:
  std::string copy(unsigned seed, LayoutOptions layout, const CopyOptions& options) {
    UnevenSource source(6, seed);
    archive::StringSink sink;
    LayoutDestination destination(std::make_unique<ArchiveFileWriter>(store_, sink), nullptr,
                                  std::move(layout), "archive");
    const auto copied = copy_image(source, destination, options);
    EXPECT_TRUE(copied.ok()) << (copied.ok() ? "" : copied.error().message());
    if (copied.ok()) manifest_ = copied->content;
    return sink.text();
  }
  /// That many copies have the same bytes, and the layers in the order of the manifest.
  void expect_order(const LayoutOptions& layout, CopyOptions options) {
    options.threads = 3;
    options.blobs_at_once = 6;
    const std::string first = copy(1, layout, options);
    for (unsigned seed = 2; seed < 12; ++seed) EXPECT_EQ(copy(seed, layout, options), first);
    std::vector<std::string> wanted;
    for (const auto& layer : os::test::must(oci::Manifest::parse(manifest_)).layers)
      wanted.push_back(oci::blob_path(layer.digest));
    const auto found = member_paths(first);
    EXPECT_NE(std::ranges::search(found, wanted).begin(), found.end());
  }
  os::test::TempDir folder_;
  store::Store store_ = os::test::must(store::Store::open(folder_.path("store")));
  std::string manifest_;
};

TEST_F(ArchiveOfACopy, HasTheLayersInTheOrderOfTheManifestWhicheverIsReadFirst) {
  expect_order({.docker_archive = true, .plain_layers = true}, {});
}

TEST_F(ArchiveOfACopy, HasCompressedLayersInTheOrderOfTheManifestToo) {
  CopyOptions options;
  options.form.kind = archive::Compression::zstd;
  expect_order({.tag = "1"}, std::move(options));
}

TEST(DirectoryOfACopy, TakesSeveralBlobsAtOnce) {
  const os::test::TempDir folder;
  auto files = os::test::must(DirectoryWriter::open(folder.path("layout")));
  const LayoutDestination layout(std::make_unique<DirectoryWriter>(std::move(files)), nullptr, {},
                                 "layout");
  EXPECT_GT(layout.traits().blobs_at_once, 1U);
}

}  // namespace
}  // namespace kiln::transport
