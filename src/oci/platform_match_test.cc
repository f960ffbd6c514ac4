// SPDX-License-Identifier: Apache-2.0
#include "oci/platform_match.h"

#include <gtest/gtest.h>

namespace kiln::oci {
namespace {

Descriptor entry(std::string os, std::string architecture, std::string variant = {}) {
  Descriptor out;
  out.platform = Platform{std::move(os), std::move(architecture), std::move(variant)};
  out.digest = Digest::of(out.platform->str());
  return out;
}

TEST(ChooseManifest, TakesTheBestVariantThatRuns) {
  const std::vector<Descriptor> index = {entry("linux", "amd64"), entry("linux", "arm", "v5"),
                                         entry("linux", "arm", "v7"), entry("linux", "arm64", "v8"),
                                         entry("unknown", "unknown")};
  EXPECT_EQ(choose_manifest(index, {"linux", "arm", "v6"}), index[1]);
  EXPECT_EQ(choose_manifest(index, {"linux", "arm", "v7"}), index[2]);
  EXPECT_EQ(choose_manifest(index, {"linux", "arm", ""}), index[2]);
  EXPECT_EQ(choose_manifest(index, {"linux", "arm64", ""}), index[3]);
  EXPECT_EQ(choose_manifest(index, {"linux", "amd64", "v3"}), index[0]);
  EXPECT_EQ(choose_manifest(index, {"linux", "s390x", ""}), std::nullopt);
  EXPECT_EQ(choose_manifest(index, {"windows", "amd64", ""}), std::nullopt);
}

TEST(ChooseManifest, AVariantAboveTheMachinesDoesNotRun) {
  const std::vector<Descriptor> index = {entry("linux", "amd64", "v3")};
  EXPECT_EQ(choose_manifest(index, {"linux", "amd64", ""}), std::nullopt);
  EXPECT_EQ(choose_manifest(index, {"linux", "amd64", "v3"}), index[0]);
}

TEST(PlatformRank, IsContainerds) {
  const auto rank = [](const char* offered, const char* wanted) {
    const Platform host{"linux", "amd64", {}};
    return platform_rank(*Platform::parse(offered, host), *Platform::parse(wanted, host));
  };
  EXPECT_EQ(rank("linux/amd64/v1", "linux/x86_64"), 0U);
  EXPECT_EQ(rank("linux/amd64/v2", "linux/amd64/v3"), 1U);
  EXPECT_EQ(rank("linux/386", "linux/amd64"), 1U);
  EXPECT_EQ(rank("linux/386", "linux/amd64/v3"), 3U);
  EXPECT_EQ(rank("linux/amd64", "linux/386"), std::nullopt);
  EXPECT_EQ(rank("linux/arm64/v8.0", "linux/aarch64"), 0U);
  EXPECT_EQ(rank("linux/arm/v8", "linux/arm64"), 1U);
  EXPECT_EQ(rank("linux/arm/v5", "linux/arm64"), 4U);
  EXPECT_EQ(rank("linux/arm64/v8.5", "linux/arm64/v9"), 1U);
  EXPECT_EQ(rank("linux/arm64/v8.6", "linux/arm64/v9"), std::nullopt);
  EXPECT_EQ(rank("linux/arm64", "linux/arm64/v8.2"), 2U);
  EXPECT_EQ(rank("linux/arm/v7", "linux/armhf"), 0U);
  EXPECT_EQ(rank("linux/arm/v6", "linux/armel"), 0U);
  EXPECT_EQ(rank("linux/riscv64", "linux/arm64"), std::nullopt);
}

TEST(ChooseManifest, AStatementAboutAnImageIsNone) {
  std::vector<Descriptor> index = {entry("linux", "amd64"), entry("linux", "amd64")};
  index[0].annotations["vnd.docker.reference.type"] = "attestation-manifest";
  EXPECT_EQ(choose_manifest(index, {"linux", "amd64", ""}), index[1]);
}

}  // namespace
}  // namespace kiln::oci
