// SPDX-License-Identifier: Apache-2.0
#include "executor/cdi_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::executor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kGpus = R"(cdiVersion: "0.6.0"
kind: vendor.com/gpu
annotations: {org.mobyproject.buildkit.device.class: video}
containerEdits:
  env: [COMMON=1]
devices:
- name: b
  containerEdits: {env: [GPU=b]}
- name: 0
  containerEdits:
    env: [GPU=0]
    deviceNodes:
    - {path: /dev/gpu0, hostPath: /dev/null}
)";

class CdiRegistryTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    dir_.make_dir("first");
    dir_.make_dir("second");
    dir_.write(name, text);
  }
  CdiRegistry registry() const { return CdiRegistry({dir_.path("first"), dir_.path("second")}); }
  os::test::TempDir dir_;
};

TEST_F(CdiRegistryTest, NamesStandForOneTheFirstAllOrAClass) {
  write("first/gpu.yaml", kGpus);
  write("first/readme.txt", "no specification");
  const CdiRegistry devices = registry();
  EXPECT_THAT(devices.names(), ElementsAre("vendor.com/gpu=0", "vendor.com/gpu=b"));
  EXPECT_THAT(devices.find("vendor.com/gpu=b"), ElementsAre("vendor.com/gpu=b"));
  EXPECT_THAT(devices.find("vendor.com/gpu"), ElementsAre("vendor.com/gpu=0"));
  EXPECT_THAT(devices.find("vendor.com/gpu=*"), SizeIs(2));
  EXPECT_THAT(devices.find("video"), SizeIs(2));
  EXPECT_THAT(devices.find("vendor.com/gpu=c"), IsEmpty());
  EXPECT_THAT(devices.find("vendor.com/gp"), IsEmpty());
  EXPECT_THAT(devices.find("gpu"), IsEmpty());
  EXPECT_THAT(devices.problems(), IsEmpty());
}

TEST_F(CdiRegistryTest, EditsOfAFileCountOnceAndNodesAreCompleted) {
  write("first/gpu.yaml", kGpus);
  const auto edits = registry().edits({"vendor.com/gpu=b", "vendor.com/gpu=0"});
  ASSERT_TRUE(edits.ok()) << edits.error().message();
  EXPECT_THAT(edits->env, ElementsAre("COMMON=1", "GPU=b", "GPU=0"));
  ASSERT_THAT(edits->device_nodes, SizeIs(1));
  const DeviceNode& node = edits->device_nodes.front();
  EXPECT_EQ(node.type, 'c');
  EXPECT_EQ(node.major, 1);
  EXPECT_EQ(node.minor, 3);
}

TEST_F(CdiRegistryTest, JsonIsReadToo) {
  write("first/x.json",
        R"({"cdiVersion":"0.5.0","kind":"a.b/c","devices":[{"name":"d","containerEdits":{
    "mounts":[{"hostPath":"/usr","containerPath":"/u","options":["ro"]}],
    "hooks":[{"hookName":"createContainer","path":"/bin/true","args":["true","x"],"timeout":3}],
    "additionalGids":[44,0]}}]})");
  const auto edits = registry().edits({"a.b/c=d"});
  ASSERT_TRUE(edits.ok()) << edits.error().message();
  EXPECT_EQ(edits->mounts.at(0).container_path, "/u");
  EXPECT_EQ(edits->hooks.at(0).moment, "createContainer");
  EXPECT_EQ(edits->hooks.at(0).timeout, 3);
  EXPECT_THAT(edits->additional_gids, ElementsAre(44));
}

TEST_F(CdiRegistryTest, LaterFoldersWinAndEqualOnesHideTheDevice) {
  const auto text = [](const std::string& value) {
    return "{cdiVersion: 0.6.0, kind: a.b/c, devices: [{name: d, containerEdits: {env: [V=" +
           value + "]}}]}";
  };
  write("first/x.yaml", text("1"));
  write("second/x.yaml", text("2"));
  const auto edits = registry().edits({"a.b/c=d"});
  ASSERT_TRUE(edits.ok());
  EXPECT_THAT(edits->env, ElementsAre("V=2"));
  write("second/y.yml", text("3"));
  const CdiRegistry devices = registry();
  EXPECT_THAT(devices.names(), IsEmpty());
  EXPECT_THAT(devices.problems(), ElementsAre(HasSubstr("another file")));
}

TEST_F(CdiRegistryTest, AbsentFoldersAreEmpty) {
  EXPECT_THAT(CdiRegistry({"/nowhere/cdi"}).names(), IsEmpty());
}

TEST_F(CdiRegistryTest, MissingDeviceNodeIsNamed) {
  write("first/x.yaml",
        "{cdiVersion: 0.6.0, kind: a.b/c, devices: [{name: d, containerEdits: "
        "{deviceNodes: [{path: /dev/of-no-machine}]}}]}");
  const auto edits = registry().edits({"a.b/c=d"});
  ASSERT_FALSE(edits.ok());
  EXPECT_THAT(edits.error().message(), HasSubstr("/dev/of-no-machine"));
}

struct Broken {
  const char* text;
  const char* problem;
};

class BrokenCdiFile : public CdiRegistryTest, public ::testing::WithParamInterface<Broken> {};

TEST_P(BrokenCdiFile, DoesNotCountAndIsToldOf) {
  write("first/x.yaml", GetParam().text);
  const CdiRegistry devices = registry();
  EXPECT_THAT(devices.names(), IsEmpty());
  EXPECT_THAT(devices.problems(), ElementsAre(HasSubstr(GetParam().problem)));
}

INSTANTIATE_TEST_SUITE_P(
    Files, BrokenCdiFile,
    ::testing::Values(
        Broken{"[", "line 2"}, Broken{"a", "no object"}, Broken{"{kind: a.b/c}", "cdiVersion"},
        Broken{"{cdiVersion: 9.0.0, kind: a.b/c}", "9.0.0"},
        Broken{"{cdiVersion: 0.6.0, kind: abc}", "VENDOR/CLASS"},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c}", "no devices"},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, device: []}", "unknown field \"device\""},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, devices: {}}", "wrong type"},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, devices: [{name: -x}]}", "device name \"-x\""},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, devices: [{name: x}]}", "no containerEdits"},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, containerEdits: {env: [A]}}", "variable \"A\""},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, containerEdits: {mounts: [{hostPath: /a}]}}",
               "containerPath"},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, containerEdits: {hooks: [{hookName: x}]}}",
               "hook name \"x\""},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, containerEdits: {deviceNodes: [{type: c}]}}",
               "no path"},
        Broken{"{cdiVersion: 0.6.0, kind: a.b/c, containerEdits: {deviceNodes: [{path: /d, type: "
               "z}]}}",
               "type \"z\""},
        Broken{"{cdiVersion: 1.1.0, kind: a.b/c, containerEdits: {netDevices: [{name: x}]}}",
               "network"}));

}  // namespace
}  // namespace kiln::executor
