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

}  // namespace
}  // namespace kiln::oci
