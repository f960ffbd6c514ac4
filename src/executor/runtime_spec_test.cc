// SPDX-License-Identifier: Apache-2.0
#include "executor/runtime_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace kiln::executor {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

ExecSpec spec() {
  ExecSpec spec;
  spec.rootfs = "/rootfs";
  spec.argv = {"/bin/sh", "-c", "make"};
  spec.env = {"PATH=/bin", "A=1"};
  spec.cwd = "/src";
  return spec;
}

HostFiles files() {
  return {
      .hosts = "/b/hosts", .resolv_conf = "/etc/resolv.conf", .hostname = "", .devices = "/b/dev"};
}

std::vector<RuntimeMount> mounts(const ExecSpec& wanted, const RuntimeHost& host = {}) {
  auto result = runtime_mounts(wanted, host, files());
  EXPECT_TRUE(result.ok()) << result.error().message();
  return result ? *std::move(result) : std::vector<RuntimeMount>();
}

json config(const ExecSpec& wanted, const RuntimeHost& host = {}, std::string seccomp = {}) {
  RuntimeConfig all;
  all.host = host;
  all.mounts = mounts(wanted, host);
  all.seccomp = std::move(seccomp);
  return json::parse(to_config_json(wanted, all));
}

std::vector<std::string> destinations(const std::vector<RuntimeMount>& list) {
  std::vector<std::string> out;
  for (const RuntimeMount& mount : list) out.push_back(mount.destination);
  return out;
}

const RuntimeMount& mount_at(const std::vector<RuntimeMount>& list, const std::string& where) {
  for (const RuntimeMount& mount : list)
    if (mount.destination == where) return mount;
  ADD_FAILURE() << "no mount at " << where;
  return list.front();
}

TEST(RuntimeSpec, ProcessIsAsAskedWithDockersCapabilities) {
  const json process = config(spec())["process"];
  EXPECT_EQ(process["args"], json({"/bin/sh", "-c", "make"}));
  EXPECT_EQ(process["env"], json({"PATH=/bin", "A=1"}));
  EXPECT_EQ(process["cwd"], "/src");
  EXPECT_EQ(process["user"], json::parse(R"({"uid":0,"gid":0,"additionalGids":[0]})"));
  EXPECT_EQ(process["noNewPrivileges"], false);
  EXPECT_EQ(process["terminal"], false);
  EXPECT_FALSE(process.contains("rlimits"));
  EXPECT_FALSE(process.contains("oomScoreAdj"));
  const json docker = {
      "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
      "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",   "CAP_SETFCAP",
      "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
  for (const char* set : {"bounding", "effective", "permitted"})
    EXPECT_EQ(process["capabilities"][set], docker) << set;
  for (const char* set : {"inheritable", "ambient"})
    EXPECT_EQ(process["capabilities"][set], json::array()) << set;
}

TEST(RuntimeSpec, OrdinaryUsersKeepTheBoundingSetOnly) {
  ExecSpec wanted = spec();
  wanted.uid = 1000;
  wanted.gid = 100;
  wanted.additional_gids = {4, 24};
  const json process = config(wanted)["process"];
  EXPECT_EQ(process["user"], json::parse(R"({"uid":1000,"gid":100,"additionalGids":[100,4,24]})"));
  EXPECT_EQ(process["capabilities"]["bounding"].size(), 14U);
  EXPECT_TRUE(process["capabilities"]["effective"].empty());
  EXPECT_TRUE(process["capabilities"]["permitted"].empty());
}

TEST(RuntimeSpec, NamespacesFollowNetworkAndCgroups) {
  const auto types = [](const json& from) {
    std::vector<std::string> out;
    for (const json& one : from["linux"]["namespaces"]) out.push_back(one["type"]);
    return out;
  };
  EXPECT_THAT(types(config(spec())), ElementsAre("pid", "ipc", "uts", "mount"));
  ExecSpec alone = spec();
  alone.network = Network::none;
  EXPECT_THAT(types(config(alone, {.pure_cgroup_v2 = true})),
              ElementsAre("pid", "ipc", "uts", "mount", "cgroup", "network"));
}

TEST(RuntimeSpec, KernelInterfacesAreMaskedOrReadOnly) {
  const json part = config(spec())["linux"];
  for (const char* path : {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware",
                           "/proc/interrupts", "/sys/devices/virtual/powercap"})
    EXPECT_THAT(part["maskedPaths"], Contains(path));
  EXPECT_EQ(part["readonlyPaths"],
            json({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}));
  EXPECT_FALSE(part.contains("seccomp"));
  EXPECT_EQ(config(spec(), {}, R"({"defaultAction":"SCMP_ACT_ALLOW"})")["linux"]["seccomp"],
            json::parse(R"({"defaultAction":"SCMP_ACT_ALLOW"})"));
}

TEST(RuntimeSpec, CompiledFilterIsAnAnnotationInBase64) {
  const ExecSpec wanted = spec();
  for (const auto& [filter, expected] : {std::pair<std::string, std::string>{"a", "YQ=="},
                                         {"ab", "YWI="},
                                         {"abc", "YWJj"},
                                         {"\xff\xfe\xfd\xfc", "//79/A=="}}) {
    RuntimeConfig all;
    all.seccomp_filter = filter;
    all.seccomp = R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"]}]})";
    const json written = json::parse(to_config_json(wanted, all));
    EXPECT_EQ(written["annotations"], json({{"run.oci.seccomp_bpf_data", expected}}));
    // A runtime that doesn't know the annotation must not let through what the filter stops.
    EXPECT_EQ(written["linux"]["seccomp"],
              json::parse(R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]})"));
  }
}

TEST(RuntimeSpec, StandardMountsComeInOrder) {
  EXPECT_THAT(destinations(mounts(spec())),
              ElementsAre("/proc", "/dev", "/dev/pts", "/sys", "/dev/mqueue", "/dev/shm",
                          "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
                          "/dev/tty", "/etc/resolv.conf", "/etc/hosts"));
  EXPECT_THAT(destinations(mounts(spec(), {.pure_cgroup_v2 = true})), Contains("/sys/fs/cgroup"));
  EXPECT_THAT(mount_at(mounts(spec()), "/dev").options,
              ElementsAre("nosuid", "strictatime", "mode=755", "size=65536k", "nodev"));
}

TEST(RuntimeSpec, DeviceFilesOpenNothingButWhereDevicesAreGiven) {
  const auto is_closed = [](const RuntimeMount& mount) {
    return std::ranges::find(mount.options, "nodev") != mount.options.end();
  };
  const auto closes_root = [](const ExecSpec& of, const RuntimeHost& host) {
    RuntimeConfig all;
    all.host = host;
    const json list = json::parse(to_config_json(of, all))["mounts"];
    return !list.empty() && list.back()["destination"] == "/.";
  };
  ExecSpec wanted = spec();
  wanted.mounts = {BindMount{.source = "/usr", .target = "/usr2"},
                   BindMount{.source = "/dev/zero", .target = "/zero"}, TmpfsMount{.target = "/t"}};
  EXPECT_TRUE(closes_root(wanted, {}));
  const auto list = mounts(wanted);
  EXPECT_TRUE(is_closed(mount_at(list, "/usr2")));
  EXPECT_TRUE(is_closed(mount_at(list, "/t")));
  EXPECT_FALSE(is_closed(mount_at(list, "/zero")));
  EXPECT_FALSE(is_closed(mount_at(list, "/dev/null")));

  wanted.read_only_rootfs = true;
  const json read_only = json::parse(to_config_json(wanted, {}));
  EXPECT_EQ(read_only["mounts"].back()["options"], json({"remount", "bind", "nodev", "ro"}));
  EXPECT_EQ(read_only["root"]["readonly"], false);

  RuntimeHost other;
  other.limits_devices = true;
  EXPECT_FALSE(is_closed(mount_at(mounts(wanted, other), "/usr2")));
  EXPECT_FALSE(closes_root(wanted, other));
  wanted.security = Security::insecure;
  EXPECT_FALSE(is_closed(mount_at(mounts(wanted), "/dev")));
  EXPECT_FALSE(is_closed(mount_at(mounts(wanted), "/usr2")));
  EXPECT_FALSE(closes_root(wanted, {}));
}

TEST(RuntimeSpec, StandardDevicesAreTheContainersOwnOrCannotBeChanged) {
  const RuntimeMount own = mount_at(mounts(spec()), "/dev/null");
  EXPECT_EQ(own.source, "/b/dev/null");
  EXPECT_THAT(own.options, ElementsAre("bind", "nosuid", "noexec"));
  HostFiles without = files();
  without.devices.clear();
  const RuntimeMount machines = mount_at(*runtime_mounts(spec(), {}, without), "/dev/null");
  EXPECT_EQ(machines.source, "/dev/null");
  EXPECT_THAT(machines.options, Contains("ro"));
}

TEST(RuntimeSpec, UserNamespacesGetWhatTheirKernelAllows) {
  RuntimeHost host{.in_user_namespace = true, .maps_tty_group = false};
  EXPECT_THAT(mount_at(mounts(spec(), host), "/dev/pts").options, Not(Contains("gid=5")));
  const auto list = mounts(spec(), host);
  EXPECT_EQ(mount_at(list, "/sys").type, "bind");
  EXPECT_THAT(mount_at(list, "/sys").options, Contains("rbind"));
  EXPECT_THAT(mount_at(list, "/sys").options, Contains("ro"));
  ExecSpec alone = spec();
  alone.network = Network::none;
  EXPECT_EQ(mount_at(mounts(alone, host), "/sys").type, "sysfs");
}

TEST(RuntimeSpec, MountsOfTheSpecComeLastAndParentsFirst) {
  ExecSpec wanted = spec();
  wanted.mounts = {
      BindMount{.source = "/usr", .target = "/a//b/../b/c/"},
      TmpfsMount{.target = "/a", .size = 4096, .mode = 0750},
      BindMount{
          .source = "/etc/passwd", .target = "/etc/hosts", .read_only = true, .recursive = false}};
  const auto list = mounts(wanted);
  const auto all = destinations(list);
  EXPECT_THAT(std::vector(all.end() - 3, all.end()), ElementsAre("/a", "/etc/hosts", "/a/b/c"));
  EXPECT_EQ(std::count(all.begin(), all.end(), "/etc/hosts"), 1);
  EXPECT_THAT(mount_at(list, "/a").options,
              ElementsAre("nosuid", "mode=750", "size=4096", "nodev"));
  EXPECT_THAT(mount_at(list, "/etc/hosts").options, ElementsAre("bind", "rprivate", "ro", "nodev"));
  EXPECT_EQ(mount_at(list, "/etc/hosts").point, RuntimeMount::Point::file);
  EXPECT_THAT(mount_at(list, "/a/b/c").options, ElementsAre("rbind", "rprivate", "nodev"));
  EXPECT_EQ(mount_at(list, "/a/b/c").point, RuntimeMount::Point::directory);
}

TEST(RuntimeSpec, ImpossibleMountsAreRefused) {
  const auto error = [](Mount mount) {
    ExecSpec wanted = spec();
    wanted.mounts = {std::move(mount)};
    return runtime_mounts(wanted, {}, files()).error().message();
  };
  EXPECT_EQ(error(TmpfsMount{.target = "relative"}),
            "mount target \"relative\" is not an absolute path");
  EXPECT_EQ(error(TmpfsMount{.target = "/../"}), "mount target can't be the root folder");
  EXPECT_EQ(error(BindMount{.source = "/no/such", .target = "/x"}),
            "bind source path does not exist: /no/such");
}

TEST(RuntimeSpec, HostsFileOfABuildAndOfAContainer) {
  ExecSpec wanted = spec();
  wanted.hostname = "box";
  wanted.extra_hosts = {{"db", "10.0.0.7"}, {"six", "fd00::1"}};
  EXPECT_EQ(hosts_file(wanted),
            "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n"
            "10.0.0.7\tdb\nfd00::1\tsix\n");
  wanted.network_files = NetworkFiles::container;
  EXPECT_THAT(hosts_file(wanted), ::testing::StartsWith("127.0.0.1\tlocalhost\n::1\t"));
  EXPECT_THAT(mount_at(mounts(wanted), "/etc/hosts").options, ElementsAre("bind", "rprivate"));
}

TEST(RuntimeSpec, BytesThatAreNotUtf8AreReplaced) {
  ExecSpec wanted = spec();
  wanted.env = {"A=\xff"};
  EXPECT_EQ(config(wanted)["process"]["env"][0], "A=\xEF\xBF\xBD");
}

ExecSpec with_devices() {
  ExecSpec out = spec();
  out.uid = 7;
  out.edits.env = {"A=2", "GPU=1"};
  out.edits.device_nodes = {{.path = "/dev/gpu",
                             .host_path = "/dev/null",
                             .type = 'c',
                             .major = 1,
                             .minor = 3,
                             .mode = 0660,
                             .permissions = "r",
                             .uid = 5,
                             .gid = {}},
                            {.path = "/opt/gpu",
                             .host_path = "/dev/null",
                             .type = 'c',
                             .major = 1,
                             .minor = 3,
                             .mode = {},
                             .permissions = {},
                             .uid = {},
                             .gid = {}}};
  out.edits.mounts = {{"/usr", "/opt/lib", "", {"ro", "bind"}}, {"tmpfs", "/scratch", "tmpfs", {}}};
  out.edits.hooks = {{"createContainer", "/bin/hook", {"hook", "x"}, {}, 5}};
  out.edits.additional_gids = {44};
  out.edits.intel_rdt = IntelRdt{"guarded", "", ""};
  return out;
}

TEST(RuntimeSpec, DevicesOfTheMachineAreAsTheirFilesSay) {
  const json all = config(with_devices());
  EXPECT_EQ(all["process"]["env"], json({"PATH=/bin", "A=2", "GPU=1"}));
  EXPECT_EQ(all["process"]["user"]["additionalGids"], json({0, 44}));
  ASSERT_EQ(all["linux"]["devices"].size(), 1u);
  EXPECT_EQ(all["linux"]["devices"][0],
            json::parse(R"({"path":"/dev/gpu","type":"c","major":1,"minor":3,"fileMode":432,
                            "uid":5,"gid":0})"));
  EXPECT_FALSE(all["linux"].contains("resources"));
  EXPECT_EQ(all["linux"]["intelRdt"], json({{"closID", "guarded"}}));
  EXPECT_EQ(all["hooks"]["createContainer"][0],
            json::parse(R"({"path":"/bin/hook","args":["hook","x"],"timeout":5})"));
  const auto list = mounts(with_devices());
  EXPECT_EQ(mount_at(list, "/opt/gpu").source, "/dev/null");
  EXPECT_THAT(mount_at(list, "/opt/lib").options, ElementsAre("rprivate", "ro", "bind"));
  EXPECT_EQ(mount_at(list, "/scratch").type, "tmpfs");
}

TEST(RuntimeSpec, NodesAreMountedWhereNobodyMayMakeThem) {
  RuntimeHost host;
  host.in_user_namespace = true;
  const json all = config(with_devices(), host);
  EXPECT_FALSE(all["linux"].contains("devices"));
  EXPECT_EQ(mount_at(mounts(with_devices(), host), "/dev/gpu").source, "/dev/null");
}

TEST(RuntimeSpec, RuntimesThatLimitDevicesAreToldOfThem) {
  RuntimeConfig all;
  all.host.limits_devices = true;
  const json rules =
      json::parse(to_config_json(with_devices(), all))["linux"]["resources"]["devices"];
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0], json::parse(R"({"allow":true,"type":"c","major":1,"minor":3,"access":"r"})"));
  EXPECT_EQ(rules[1]["access"], "rwm");
}

}  // namespace
}  // namespace kiln::executor
