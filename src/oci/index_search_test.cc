// SPDX-License-Identifier: Apache-2.0
#include "oci/index_search.h"

#include <gtest/gtest.h>

#include <map>

#include "oci/image_config.h"

namespace kiln::oci {
namespace {

/// Indexes by their digests.
class IndexSearchTest : public ::testing::Test {
 protected:
  static Descriptor image(const std::string& architecture) {
    Descriptor out;
    out.media_type = media_type::kOciManifest;
    out.platform = Platform{"linux", architecture, {}};
    out.digest = Digest::of(architecture);
    return out;
  }
  Descriptor within(std::vector<Descriptor> entries) {
    Descriptor out;
    out.media_type = media_type::kOciIndex;
    out.digest = Digest::of(std::to_string(indexes_.size()));
    indexes_[out.digest.str()].manifests = std::move(entries);
    return out;
  }
  /// An entry without platform, of an image whose config says one.
  Descriptor unnamed(const std::string& architecture) {
    ImageConfig config;
    config.platform = {"linux", architecture, {}};
    Manifest manifest;
    manifest.config.media_type = media_type::kOciConfig;
    manifest.config.digest = Digest::of(config.to_json());
    texts_[manifest.config.digest.str()] = config.to_json();
    Descriptor out = image(architecture);
    out.platform.reset();
    out.digest = Digest::of(manifest.to_json());
    texts_[out.digest.str()] = manifest.to_json();
    return out;
  }
  Result<std::optional<Descriptor>> find(std::vector<Descriptor> entries) {
    Index top;
    top.manifests = std::move(entries);
    read_ = 0;
    const auto text = [this](const Descriptor& wanted) -> Result<std::string> {
      const auto found = texts_.find(wanted.digest.str());
      return found == texts_.end() ? Result<std::string>(not_found("gone")) : found->second;
    };
    const auto manifest = [this, text](const Descriptor& entry) -> Result<std::string> {
      ++read_;
      const auto index = indexes_.find(entry.digest.str());
      return index == indexes_.end() ? text(entry) : index->second.to_json();
    };
    return find_manifest(top, {"linux", "amd64", {}}, {manifest, text});
  }

  std::map<std::string, Index> indexes_;
  std::map<std::string, std::string> texts_;
  int read_ = 0;
};

TEST_F(IndexSearchTest, WhereNoPlatformIsSaidTheConfigSaysIt) {
  const auto wanted = unnamed("amd64");
  EXPECT_EQ(*find({unnamed("arm64"), unnamed("386"), wanted}), wanted);
  EXPECT_EQ(*find({unnamed("386")}), unnamed("386"));
  EXPECT_EQ(*find({wanted, image("amd64")}), image("amd64"));
  EXPECT_EQ(read_, 0);
  EXPECT_EQ(*find({unnamed("arm64"), image("s390x")}), std::nullopt);
}

TEST_F(IndexSearchTest, AnEntryThatCannotBeReadMattersIfNoneFits) {
  auto gone = image("gone");
  gone.platform.reset();
  EXPECT_EQ(*find({gone, unnamed("amd64")}), unnamed("amd64"));
  EXPECT_EQ(find({gone, unnamed("arm64")}).error().kind(), ErrorKind::not_found);
}

TEST_F(IndexSearchTest, OnlyTheEntryThatIsChosenHasToBeSound) {
  auto other = image("s390x");
  other.defect = "invalid digest";
  EXPECT_EQ(*find({other, image("amd64")}), image("amd64"));
  auto wanted = image("amd64");
  wanted.defect = "invalid digest";
  EXPECT_EQ(find({image("s390x"), wanted}).error().kind(), ErrorKind::corrupt);
}

TEST_F(IndexSearchTest, IndexesWithoutPlatformAreLookedIntoInOrder) {
  const auto other = within({image("s390x")});
  const auto wanted = within({image("arm64"), image("amd64")});
  const auto deeper = within({other, wanted});
  EXPECT_EQ(*find({image("s390x"), other, wanted, deeper}), image("amd64"));
  EXPECT_EQ(read_, 2);
  EXPECT_EQ(*find({deeper}), image("amd64"));
  EXPECT_EQ(*find({other, image("arm64")}), std::nullopt);
}

TEST_F(IndexSearchTest, TheEntryThatFitsComesFirst) {
  const auto wanted = within({image("amd64")});
  EXPECT_EQ(*find({wanted, image("amd64")}), image("amd64"));
  EXPECT_EQ(read_, 0);
  auto fitting = within({image("s390x")});
  fitting.platform = Platform{"linux", "amd64", {}};
  EXPECT_EQ(*find({wanted, fitting}), std::nullopt);
}

TEST_F(IndexSearchTest, DepthAndNumberAreBounded) {
  auto nested = within({image("amd64")});
  nested = within({nested});
  EXPECT_EQ(*find({nested}), image("amd64"));
  nested = within({nested});
  EXPECT_EQ(find({nested}).error().kind(), ErrorKind::corrupt);
  const auto none = within({});
  EXPECT_EQ(find(std::vector(10'000, none)).error().kind(), ErrorKind::corrupt);
  EXPECT_LE(read_, 100);
}

}  // namespace
}  // namespace kiln::oci
