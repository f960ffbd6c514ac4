// SPDX-License-Identifier: Apache-2.0
#include "cli/image_json.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "os/test_temp_dir.h"

namespace kiln::cli {
namespace {

class ImageJson : public ::testing::Test {
 protected:
  ImageJson() {
    auto opened = store::Store::open(top_.path());
    EXPECT_TRUE(opened.ok());
    store = std::make_unique<store::Store>(*std::move(opened));
  }
  nlohmann::ordered_json describe(const oci::ImageConfig& config) {
    const auto image = store->images().put(config.to_json(), {*oci::Reference::parse("app:1")});
    EXPECT_TRUE(image.ok());
    auto out = describe_image(*store, *image);
    EXPECT_TRUE(out.ok());
    return *std::move(out);
  }
  const os::test::TempDir top_;
  std::unique_ptr<store::Store> store;
};

TEST_F(ImageJson, HasDockersMembers) {
  oci::ImageConfig config;
  config.platform = {"linux", "arm", "v7"};
  config.created = "2024-01-02T03:04:05Z";
  config.author = "me";
  config.config.labels = {{"a", "b"}};
  config.config.exposed_ports = {"80/tcp"};
  config.config.volumes = {"/v"};
  config.config.env = {"A=1"};
  config.config.command = {{"x"}};
  const auto json = describe(config);
  EXPECT_EQ(json["Id"], oci::Digest::of(config.to_json()).str());
  EXPECT_EQ(json["RepoTags"], nlohmann::ordered_json({"app:1"}));
  EXPECT_EQ(json["Created"], "2024-01-02T03:04:05Z");
  EXPECT_EQ(json["Architecture"], "arm");
  EXPECT_EQ(json["Variant"], "v7");
  EXPECT_EQ(json["Os"], "linux");
  EXPECT_EQ(json["Author"], "me");
  EXPECT_EQ(json["RootFS"]["Type"], "layers");
  EXPECT_EQ(json["Config"]["Labels"]["a"], "b");
  EXPECT_TRUE(json["Config"]["ExposedPorts"].contains("80/tcp"));
  EXPECT_TRUE(json["Config"]["Volumes"].contains("/v"));
  EXPECT_EQ(json["Config"]["Cmd"], nlohmann::ordered_json({"x"}));
  EXPECT_TRUE(json["Config"]["Entrypoint"].is_null());
}

TEST_F(ImageJson, WhatIsNotSetIsNullAsInDocker) {
  oci::ImageConfig config;
  config.platform = {"linux", "amd64", {}};
  const auto json = describe(config);
  for (const char* name : {"Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "Volumes"})
    EXPECT_TRUE(json["Config"][name].is_null()) << name;
  EXPECT_FALSE(json.contains("Variant"));
  EXPECT_FALSE(json["RootFS"].contains("Layers"));
}

}  // namespace
}  // namespace kiln::cli
