// SPDX-License-Identifier: Apache-2.0
#include "oci/index_search.h"

#include <gtest/gtest.h>

#include <map>

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
  Result<std::optional<Descriptor>> find(std::vector<Descriptor> entries) {
    Index top;
    top.manifests = std::move(entries);
    read_ = 0;
    return find_manifest(top, {"linux", "amd64", {}}, [this](const Descriptor& entry) {
      ++read_;
      return Result<Index>(indexes_.at(entry.digest.str()));
    });
  }

  std::map<std::string, Index> indexes_;
  int read_ = 0;
};

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
