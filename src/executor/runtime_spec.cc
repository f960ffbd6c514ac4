// SPDX-License-Identifier: Apache-2.0
#include "executor/runtime_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "executor/standard_devices.h"
#include "oci/image_config.h"
#include "os/dir.h"
#include "os/fd.h"

namespace kiln::executor {
namespace {

using nlohmann::json;
using Point = RuntimeMount::Point;

/// moby's daemon/pkg/oci defaults as of Docker 28.
const std::vector<std::string> kMaskedPaths = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
const std::vector<std::string> kReadOnlyPaths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                 "/proc/sysrq-trigger"};

const std::string kSeccompElsewhere = R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]})";

/// Without a devices control group nothing else keeps root from what a device file that it makes
/// stands for: such files open nothing in any mount of a container, but for those that are given.
bool closes_devices(const ExecSpec& spec, const RuntimeHost& host) {
  return spec.security == Security::sandbox && !host.limits_devices;
}

/// In a user namespace the kernel closes the root file system and /dev.
bool closes_root(const ExecSpec& spec, const RuntimeHost& host) {
  return closes_devices(spec, host) && !host.in_user_namespace;
}

/// crun mounts the root file system on itself, and forgets that it was closed; so it does when it
/// makes it read-only. It knows no mount at `/` itself.
RuntimeMount root_again(const ExecSpec& spec) {
  std::vector<std::string> options = {"remount", "bind", "nodev"};
  if (spec.read_only_rootfs) options.emplace_back("ro");
  return {"/.", "bind", spec.rootfs, std::move(options), Point::directory, true};
}

/// A mount that gives devices, and thus has them open.
bool gives_devices(const RuntimeMount& mount) {
  const std::string& source = mount.source;
  std::error_code error;
  const auto status = std::filesystem::status(source, error);
  return std::filesystem::is_block_file(status) || std::filesystem::is_character_file(status) ||
         source == "/dev" || (source.starts_with("/dev/") && !source.starts_with("/dev/shm/")) ||
         std::ranges::find(mount.options, "dev") != mount.options.end();
}

std::vector<RuntimeMount> device_mounts(const HostFiles& files) {
  std::vector<std::string> options = {"bind", "nosuid", "noexec"};
  // The machine's must keep their modes and owners.
  if (files.devices.empty()) options.emplace_back("ro");
  const std::string folder = files.devices.empty() ? "/dev" : files.devices;
  std::vector<RuntimeMount> mounts;
  for (const StandardDevice& device : kStandardDevices)
    mounts.push_back({std::string("/dev/") + device.name, "bind", folder + "/" + device.name,
                      options, Point::file, false});
  return mounts;
}

std::vector<RuntimeMount> standard_mounts(const ExecSpec& spec, const RuntimeHost& host,
                                          const HostFiles& files) {
  std::vector<RuntimeMount> mounts;
  const auto add = [&](const char* destination, const char* type, const char* source,
                       std::vector<std::string> options, bool leaves_mount_point = false) {
    mounts.push_back(
        {destination, type, source, std::move(options), Point::directory, leaves_mount_point});
  };
  add("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}, true);
  std::vector<std::string> dev = {"nosuid", "strictatime", "mode=755", "size=65536k"};
  if (mounts_devices(spec, host)) dev.emplace_back("nodev");
  add("/dev", "tmpfs", "tmpfs", std::move(dev), true);
  std::vector<std::string> pts = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (host.maps_tty_group) pts.emplace_back("gid=5");
  add("/dev/pts", "devpts", "devpts", std::move(pts));
  if (host.in_user_namespace && spec.network == Network::host) {
    // The kernel mounts sysfs only for the owner of the network namespace that it shows.
    add("/sys", "bind", "/sys", {"rbind", "rprivate", "nosuid", "noexec", "nodev", "ro"}, true);
  } else {
    add("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}, true);
  }
  if (host.pure_cgroup_v2) {
    add("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"});
  }
  add("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  add("/dev/shm", "tmpfs", "shm",
      {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}k", spec.shm_size / 1024)});
  if (mounts_devices(spec, host)) {
    std::vector<RuntimeMount> devices = device_mounts(files);
    mounts.insert(mounts.end(), devices.begin(), devices.end());
  }
  return mounts;
}

std::vector<RuntimeMount> network_file_mounts(const ExecSpec& spec, const HostFiles& files) {
  std::vector<RuntimeMount> mounts;
  const auto add = [&](const char* destination, const std::string& source) {
    if (source.empty()) return;
    std::vector<std::string> options = {"bind", "rprivate"};
    if (spec.network_files == NetworkFiles::build)
      options.insert(options.end(), {"ro", "nosuid", "noexec", "nodev"});
    mounts.push_back({destination, "bind", source, std::move(options), Point::file, false});
  };
  add("/etc/resolv.conf", files.resolv_conf);
  add("/etc/hosts", files.hosts);
  add("/etc/hostname", files.hostname);
  return mounts;
}

Result<std::string> clean_target(const std::string& target) {
  if (!target.starts_with('/'))
    return invalid_input("mount target \"" + target + "\" is not an absolute path");
  const os::RelPath clean = os::RelPath::clean(target);
  if (clean.is_root()) return invalid_input("mount target can't be the root folder");
  return "/" + clean.str();
}

Result<RuntimeMount> to_runtime_mount(const BindMount& mount) {
  std::error_code error;
  const auto source = std::filesystem::status(mount.source, error);
  if (!std::filesystem::exists(source))
    return not_found("bind source path does not exist: " + mount.source);
  RuntimeMount out;
  out.destination = TRY(clean_target(mount.target));
  out.type = "bind";
  out.source = mount.source;
  out.options = {mount.recursive ? "rbind" : "bind", "rprivate"};
  if (mount.read_only) out.options.emplace_back("ro");
  out.options.insert(out.options.end(), mount.options.begin(), mount.options.end());
  out.point = std::filesystem::is_directory(source) ? Point::directory : Point::file;
  return out;
}

Result<RuntimeMount> to_runtime_mount(const TmpfsMount& mount) {
  RuntimeMount out;
  out.destination = TRY(clean_target(mount.target));
  out.type = "tmpfs";
  out.source = "tmpfs";
  out.options = {"nosuid", fmt::format("mode={:o}", mount.mode)};
  if (mount.size != 0) out.options.push_back(fmt::format("size={}", mount.size));
  if (mount.read_only) out.options.emplace_back("ro");
  return out;
}

Result<RuntimeMount> to_runtime_mount(const HostMount& mount) {
  const auto is_bind = [](const std::string& option) {
    return option == "bind" || option == "rbind";
  };
  if (mount.type.empty() || mount.type == "bind" || std::ranges::any_of(mount.options, is_bind)) {
    RuntimeMount out = TRY(to_runtime_mount(BindMount{mount.host_path, mount.container_path}));
    if (std::ranges::any_of(mount.options, is_bind)) out.options = {"rprivate"};
    out.options.insert(out.options.end(), mount.options.begin(), mount.options.end());
    return out;
  }
  RuntimeMount out;
  out.destination = TRY(clean_target(mount.container_path));
  out.type = mount.type;
  out.source = mount.host_path;
  out.options = mount.options;
  return out;
}

/// Whether the runtime makes the node. In a user namespace nobody may, and outside /dev it would be
/// a part of the layer: there the machine's own is mounted.
bool is_made(const DeviceNode& node, const RuntimeHost& host) {
  return !host.in_user_namespace && node.path.starts_with("/dev/");
}

Result<std::vector<RuntimeMount>> edited_mounts(const ContainerEdits& edits,
                                                const RuntimeHost& host) {
  std::vector<RuntimeMount> out;
  for (const DeviceNode& node : edits.device_nodes) {
    if (is_made(node, host)) continue;
    RuntimeMount mount = TRY(to_runtime_mount(
        BindMount{node.host_path.empty() ? node.path : node.host_path, node.path, false, false}));
    out.push_back(std::move(mount));
  }
  for (const HostMount& each : edits.mounts) {
    RuntimeMount mount = TRY(to_runtime_mount(each));
    out.push_back(std::move(mount));
  }
  return out;
}

auto depth(const RuntimeMount& mount) {
  return std::count(mount.destination.begin(), mount.destination.end(), '/');
}

/// Of linux/capability.h, by number.
constexpr std::array<std::string_view, 41> kCapabilityNames = {"CHOWN",
                                                               "DAC_OVERRIDE",
                                                               "DAC_READ_SEARCH",
                                                               "FOWNER",
                                                               "FSETID",
                                                               "KILL",
                                                               "SETGID",
                                                               "SETUID",
                                                               "SETPCAP",
                                                               "LINUX_IMMUTABLE",
                                                               "NET_BIND_SERVICE",
                                                               "NET_BROADCAST",
                                                               "NET_ADMIN",
                                                               "NET_RAW",
                                                               "IPC_LOCK",
                                                               "IPC_OWNER",
                                                               "SYS_MODULE",
                                                               "SYS_RAWIO",
                                                               "SYS_CHROOT",
                                                               "SYS_PTRACE",
                                                               "SYS_PACCT",
                                                               "SYS_ADMIN",
                                                               "SYS_BOOT",
                                                               "SYS_NICE",
                                                               "SYS_RESOURCE",
                                                               "SYS_TIME",
                                                               "SYS_TTY_CONFIG",
                                                               "MKNOD",
                                                               "LEASE",
                                                               "AUDIT_WRITE",
                                                               "AUDIT_CONTROL",
                                                               "SETFCAP",
                                                               "MAC_OVERRIDE",
                                                               "MAC_ADMIN",
                                                               "SYSLOG",
                                                               "WAKE_ALARM",
                                                               "BLOCK_SUSPEND",
                                                               "AUDIT_READ",
                                                               "PERFMON",
                                                               "BPF",
                                                               "CHECKPOINT_RESTORE"};

/// Asking a runtime for more than we have makes it fail.
std::vector<std::string> held_capabilities(std::uint64_t held) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < kCapabilityNames.size(); ++i) {
    if ((held >> i & 1) != 0) out.push_back("CAP_" + std::string(kCapabilityNames[i]));
  }
  return out;
}

json capabilities_of(const ExecSpec& spec, const RuntimeHost& host) {
  const std::vector<std::string> none;
  const bool insecure = spec.security == Security::insecure;
  const auto all = insecure ? held_capabilities(host.capabilities) : default_capabilities();
  // Only root starts with them; for others the bounding set says what a setuid program may gain.
  const auto& held = spec.uid == 0 ? all : none;
  return {{"bounding", all},
          {"effective", held},
          {"permitted", held},
          {"inheritable", none},
          {"ambient", none}};
}

json rlimits_of(const std::vector<Ulimit>& limits) {
  json out = json::array();
  for (const auto& limit : limits)
    out.push_back(
        {{"type", "RLIMIT_" + to_upper(limit.name)}, {"soft", limit.soft}, {"hard", limit.hard}});
  return out;
}

json process_of(const ExecSpec& spec, const RuntimeHost& host,
                const std::optional<os::TerminalSize>& terminal_size) {
  json user = {{"uid", spec.uid}, {"gid", spec.gid}};
  // The primary group is among the supplementary ones, as Docker has it.
  std::vector<std::uint32_t> groups = {spec.gid};
  for (const std::uint32_t gid : spec.additional_gids) {
    if (std::ranges::find(groups, gid) == groups.end()) groups.push_back(gid);
  }
  for (const std::uint32_t gid : spec.edits.additional_gids) {
    if (std::ranges::find(groups, gid) == groups.end()) groups.push_back(gid);
  }
  user["additionalGids"] = std::move(groups);
  std::vector<std::string> env = spec.env;
  for (const auto& each : spec.edits.env) {
    const auto [name, value] = split_once(each, '=');
    oci::set_env(env, name, value.value_or(""));
  }
  env.insert(env.end(), spec.secret_env.begin(), spec.secret_env.end());
  json process = {{"terminal", spec.terminal},
                  {"user", std::move(user)},
                  {"args", spec.argv},
                  {"env", std::move(env)},
                  {"cwd", spec.cwd.empty() ? "/" : spec.cwd},
                  {"capabilities", capabilities_of(spec, host)},
                  {"noNewPrivileges", false}};
  if (!spec.ulimits.empty()) process["rlimits"] = rlimits_of(spec.ulimits);
  if (spec.terminal && terminal_size) {
    process["consoleSize"] = {{"height", terminal_size->rows}, {"width", terminal_size->columns}};
  }
  return process;
}

std::vector<std::string> masked_paths(const RuntimeHost& host) {
  std::vector<std::string> paths = kMaskedPaths;
  // Counters of each processor's heat tell neighbours what it computes.
  for (unsigned i = 0; i < host.processors; ++i) {
    std::string path = fmt::format("/sys/devices/system/cpu/cpu{}/thermal_throttle", i);
    if (!os::path_exists(path)) break;
    paths.push_back(std::move(path));
  }
  return paths;
}

json device_of(const ExecSpec& spec, const DeviceNode& node) {
  json out = {{"path", node.path}, {"type", std::string(1, node.type)}};
  if (node.type != 'p') out.update({{"major", node.major}, {"minor", node.minor}});
  if (node.mode) out["fileMode"] = *node.mode;
  out["uid"] = node.uid.value_or(spec.uid);
  out["gid"] = node.gid.value_or(spec.gid);
  return out;
}

/// The devices of the spec.
void add_devices(const ExecSpec& spec, const RuntimeConfig& config, json& out) {
  for (const DeviceNode& node : spec.edits.device_nodes) {
    if (is_made(node, config.host)) out["devices"].push_back(device_of(spec, node));
    if (!config.host.limits_devices || node.type == 'p') continue;
    out["resources"]["devices"].push_back(
        {{"allow", true},
         {"type", std::string(1, node.type)},
         {"major", node.major},
         {"minor", node.minor},
         {"access", node.permissions.empty() ? "rwm" : node.permissions}});
  }
  if (const auto& rdt = spec.edits.intel_rdt) {
    json& part = out["intelRdt"] = json::object();
    if (!rdt->class_id.empty()) part["closID"] = rdt->class_id;
    if (!rdt->l3_schema.empty()) part["l3CacheSchema"] = rdt->l3_schema;
    if (!rdt->bandwidth_schema.empty()) part["memBwSchema"] = rdt->bandwidth_schema;
  }
}

json hooks_of(const std::vector<Hook>& hooks) {
  json out = json::object();
  for (const Hook& hook : hooks) {
    json one = {{"path", hook.path}};
    if (!hook.args.empty()) one["args"] = hook.args;
    if (!hook.env.empty()) one["env"] = hook.env;
    if (hook.timeout) one["timeout"] = *hook.timeout;
    out[hook.moment].push_back(std::move(one));
  }
  return out;
}

json linux_of(const ExecSpec& spec, const RuntimeHost& host) {
  json namespaces = json::array();
  for (const char* type : {"pid", "ipc", "uts", "mount"}) namespaces.push_back({{"type", type}});
  if (host.pure_cgroup_v2) namespaces.push_back({{"type", "cgroup"}});
  if (spec.network == Network::none) namespaces.push_back({{"type", "network"}});
  if (spec.security == Security::insecure) return {{"namespaces", std::move(namespaces)}};
  return {{"namespaces", std::move(namespaces)},
          {"maskedPaths", masked_paths(host)},
          {"readonlyPaths", kReadOnlyPaths}};
}

json to_json(const RuntimeMount& mount) {
  return {{"destination", mount.destination},
          {"type", mount.type},
          {"source", mount.source},
          {"options", mount.options}};
}

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < group.size() ? static_cast<std::uint8_t>(group[k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= group.size() ? kDigits[bits >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

/// `object` with one more member, whose value is JSON text already.
std::string with_member(std::string object, std::string_view name, std::string_view value) {
  CHECK(object.size() > 2 && object.ends_with('}'));
  object.pop_back();
  object.append(",\"").append(name).append("\":").append(value).append("}");
  return object;
}

}  // namespace

bool mounts_devices(const ExecSpec& spec, const RuntimeHost& host) {
  return closes_root(spec, host) && spec.edits.device_nodes.empty();
}

const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> kCapabilities = {
      "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",     "CAP_FSETID",
      "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",    "CAP_SETFCAP",
      "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT",
  };
  return kCapabilities;
}

Result<std::vector<RuntimeMount>> runtime_mounts(const ExecSpec& spec, const RuntimeHost& host,
                                                 const HostFiles& files) {
  std::vector<RuntimeMount> wanted;
  for (const Mount& mount : spec.mounts) {
    RuntimeMount one = TRY(std::visit([](const auto& m) { return to_runtime_mount(m); }, mount));
    if (closes_devices(spec, host) && !gives_devices(one)) one.options.emplace_back("nodev");
    wanted.push_back(std::move(one));
  }
  const std::vector<RuntimeMount> edited = TRY(edited_mounts(spec.edits, host));
  for (const RuntimeMount& mount : edited) {
    std::erase_if(wanted,
                  [&](const auto& other) { return other.destination == mount.destination; });
    wanted.push_back(mount);
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const auto& a, const auto& b) { return depth(a) < depth(b); });

  std::vector<RuntimeMount> all = standard_mounts(spec, host, files);
  std::vector<RuntimeMount> network = network_file_mounts(spec, files);
  all.insert(all.end(), network.begin(), network.end());
  std::erase_if(all, [&](const RuntimeMount& standard) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const RuntimeMount& mount) {
      return mount.destination == standard.destination;
    });
  });
  all.insert(all.end(), wanted.begin(), wanted.end());
  return all;
}

std::string to_config_json(const ExecSpec& spec, const RuntimeConfig& config) {
  json mounts = json::array();
  for (const RuntimeMount& mount : config.mounts) mounts.push_back(to_json(mount));
  const bool is_made_again = closes_root(spec, config.host);
  if (is_made_again) mounts.push_back(to_json(root_again(spec)));
  json root = {
      {"ociVersion", "1.0.0"},
      {"process", process_of(spec, config.host, config.terminal_size)},
      {"root", {{"path", spec.rootfs}, {"readonly", spec.read_only_rootfs && !is_made_again}}},
      {"hostname", spec.hostname},
      {"mounts", std::move(mounts)}};
  if (!spec.edits.hooks.empty()) root["hooks"] = hooks_of(spec.edits.hooks);
  json linux_json = linux_of(spec, config.host);
  add_devices(spec, config, linux_json);
  std::string linux_part = dump_json(linux_json);
  std::string text = dump_json(root);
  const bool filtered = spec.security == Security::sandbox;
  if (filtered && !config.seccomp_filter.empty()) {
    // As text: it is longer than all the rest, and has nothing to escape.
    const std::string annotation =
        fmt::format(R"({{"run.oci.seccomp_bpf_data":"{}"}})", to_base64(config.seccomp_filter));
    text = with_member(std::move(text), "annotations", annotation);
  }
  // What a runtime that takes the compiled filter doesn't have to read. One that doesn't take it
  // starts nothing.
  const std::string& seccomp = config.seccomp_filter.empty() ? config.seccomp : kSeccompElsewhere;
  if (filtered && !config.seccomp.empty())
    linux_part = with_member(std::move(linux_part), "seccomp", seccomp);
  return with_member(std::move(text), "linux", linux_part);
}

std::string hosts_file(const ExecSpec& spec) {
  std::string text;
  if (spec.network_files == NetworkFiles::build) {
    text = fmt::format("127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
                       spec.hostname);
  } else {
    text =
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::\tip6-localnet\n"
        "ff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\n"
        "ff02::2\tip6-allrouters\n";
  }
  for (const ExtraHost& host : spec.extra_hosts)
    text.append(host.address).append("\t").append(host.name).append("\n");
  return text;
}

}  // namespace kiln::executor
