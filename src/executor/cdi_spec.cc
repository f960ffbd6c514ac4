// SPDX-License-Identifier: Apache-2.0
#include "executor/cdi_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>

namespace kiln::executor {
namespace {

using nlohmann::json;

const std::vector<std::string> kVersions = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
                                            "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
const std::vector<std::string> kMoments = {"prestart",       "createRuntime", "createContainer",
                                           "startContainer", "poststart",     "poststop"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alphanumeric(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/// `inner`: what may be between the first and the last character besides letters and digits.
Result<void> check_name(std::string_view what, std::string_view name, std::string_view inner) {
  const auto fits = [&](char c) {
    return is_alphanumeric(c) || inner.find(c) != std::string_view::npos;
  };
  if (name.empty() || !std::ranges::all_of(name, fits) || !is_alphanumeric(name.front()) ||
      !is_alphanumeric(name.back()))
    return corrupt(fmt::format("invalid {} \"{}\"", what, name));
  return {};
}

/// One object of the file: its members by name, each of which has to be known.
class Members {
 public:
  static Result<Members> of(const json& value, std::string what,
                            std::initializer_list<std::string_view> known) {
    if (!value.is_object()) return corrupt(what + " is no object");
    for (const auto& [key, unused] : value.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        return corrupt(fmt::format("{} has an unknown field \"{}\"", what, key));
    }
    return Members(value, std::move(what));
  }

  const json* find(const char* key) const {
    const auto found = value_->find(key);
    return found == value_->end() || found->is_null() ? nullptr : &*found;
  }

  /// In YAML a text without quotes may look like a number.
  Result<std::string> text(const char* key) const {
    const json* member = find(key);
    if (member == nullptr) return std::string();
    if (member->is_string()) return member->get<std::string>();
    if (member->is_number() || member->is_boolean()) return member->dump();
    return wrong(key);
  }

  Result<std::optional<std::int64_t>> number(const char* key) const {
    const json* member = find(key);
    if (member == nullptr) return std::optional<std::int64_t>();
    if (!member->is_number_integer()) return wrong(key);
    return std::optional(member->get<std::int64_t>());
  }

  Result<std::optional<std::uint32_t>> id(const char* key) const {
    const auto value = TRY(number(key));
    if (!value) return std::optional<std::uint32_t>();
    if (*value < 0 || *value > UINT32_MAX) return wrong(key);
    return std::optional(static_cast<std::uint32_t>(*value));
  }

  Result<std::vector<json>> items(const char* key) const {
    const json* member = find(key);
    if (member == nullptr) return std::vector<json>();
    if (!member->is_array()) return wrong(key);
    return std::vector<json>(member->begin(), member->end());
  }

  Result<std::vector<std::string>> texts(const char* key) const {
    std::vector<std::string> out;
    const auto list = TRY(items(key));
    for (const json& item : list) {
      if (!item.is_string()) return wrong(key);
      out.push_back(item.get<std::string>());
    }
    return out;
  }

  Result<std::map<std::string, std::string>> map(const char* key) const {
    std::map<std::string, std::string> out;
    const json* member = find(key);
    if (member == nullptr) return out;
    if (!member->is_object()) return wrong(key);
    for (const auto& [name, value] : member->items())
      out[name] = value.is_string() ? value.get<std::string>() : value.dump();
    return out;
  }

 private:
  Members(const json& value, std::string what) : value_(&value), what_(std::move(what)) {}
  Error wrong(const char* key) const {
    return corrupt(fmt::format("{}: \"{}\" is of a wrong type", what_, key));
  }

  const json* value_;
  std::string what_;
};

Result<void> check_env(const std::vector<std::string>& env) {
  for (const auto& each : env) {
    const std::size_t at = each.find('=');
    if (at == 0 || at == std::string::npos)
      return corrupt("invalid environment variable \"" + each + "\"");
  }
  return {};
}

Result<DeviceNode> parse_device_node(const json& value) {
  const Members in = TRY(Members::of(
      value, "a device node",
      {"path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"}));
  DeviceNode out;
  out.path = TRY(in.text("path"));
  if (out.path.empty()) return corrupt("a device node has no path");
  out.host_path = TRY(in.text("hostPath"));
  const std::string type = TRY(in.text("type"));
  if (type.size() > 1 || std::string_view("bcup").find(type) == std::string_view::npos)
    return corrupt(fmt::format("device \"{}\": invalid type \"{}\"", out.path, type));
  if (!type.empty()) out.type = type.front();
  out.permissions = TRY(in.text("permissions"));
  if (out.permissions.find_first_not_of("rwm") != std::string::npos)
    return corrupt(
        fmt::format("device \"{}\": invalid permissions \"{}\"", out.path, out.permissions));
  const auto major = TRY(in.number("major"));
  const auto minor = TRY(in.number("minor"));
  out.major = major.value_or(0);
  out.minor = minor.value_or(0);
  const auto mode = TRY(in.id("fileMode"));
  if (mode) out.mode = *mode & 07777U;
  out.uid = TRY(in.id("uid"));
  out.gid = TRY(in.id("gid"));
  return out;
}

Result<HostMount> parse_mount(const json& value) {
  const Members in =
      TRY(Members::of(value, "a mount", {"hostPath", "containerPath", "options", "type"}));
  HostMount out;
  out.host_path = TRY(in.text("hostPath"));
  out.container_path = TRY(in.text("containerPath"));
  out.options = TRY(in.texts("options"));
  out.type = TRY(in.text("type"));
  if (out.host_path.empty()) return corrupt("a mount has no hostPath");
  if (out.container_path.empty()) return corrupt("a mount has no containerPath");
  return out;
}

Result<Hook> parse_hook(const json& value) {
  const Members in =
      TRY(Members::of(value, "a hook", {"hookName", "path", "args", "env", "timeout"}));
  Hook out;
  out.moment = TRY(in.text("hookName"));
  if (std::find(kMoments.begin(), kMoments.end(), out.moment) == kMoments.end())
    return corrupt(fmt::format("invalid hook name \"{}\"", out.moment));
  out.path = TRY(in.text("path"));
  if (out.path.empty()) return corrupt("hook " + out.moment + " has no path");
  out.args = TRY(in.texts("args"));
  out.env = TRY(in.texts("env"));
  TRY(check_env(out.env));
  out.timeout = TRY(in.number("timeout"));
  return out;
}

Result<IntelRdt> parse_intel_rdt(const json& value) {
  const Members in = TRY(Members::of(value, "intelRdt",
                                     {"closID", "l3CacheSchema", "memBwSchema", "schemata",
                                      "enableMonitoring", "enableCMT", "enableMBM"}));
  IntelRdt out;
  out.class_id = TRY(in.text("closID"));
  out.l3_schema = TRY(in.text("l3CacheSchema"));
  out.bandwidth_schema = TRY(in.text("memBwSchema"));
  return out;
}

Result<ContainerEdits> parse_edits(const json* value) {
  ContainerEdits out;
  if (value == nullptr) return out;
  const Members in = TRY(Members::of(
      *value, "containerEdits",
      {"env", "deviceNodes", "netDevices", "hooks", "mounts", "intelRdt", "additionalGids"}));
  const auto net_devices = TRY(in.items("netDevices"));
  if (!net_devices.empty()) return unsupported("netDevices need a network of the container's own");
  out.env = TRY(in.texts("env"));
  TRY(check_env(out.env));
  const auto nodes = TRY(in.items("deviceNodes"));
  for (const json& item : nodes) {
    DeviceNode node = TRY(parse_device_node(item));
    out.device_nodes.push_back(std::move(node));
  }
  const auto mounts = TRY(in.items("mounts"));
  for (const json& item : mounts) {
    HostMount mount = TRY(parse_mount(item));
    out.mounts.push_back(std::move(mount));
  }
  const auto hooks = TRY(in.items("hooks"));
  for (const json& item : hooks) {
    Hook hook = TRY(parse_hook(item));
    out.hooks.push_back(std::move(hook));
  }
  if (const json* rdt = in.find("intelRdt")) {
    IntelRdt parsed = TRY(parse_intel_rdt(*rdt));
    out.intel_rdt = std::move(parsed);
  }
  const auto gids = TRY(in.items("additionalGids"));
  for (const json& item : gids) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > UINT32_MAX)
      return corrupt("additionalGids holds something that is no group");
    if (item != 0) out.additional_gids.push_back(item.get<std::uint32_t>());
  }
  return out;
}

}  // namespace

void ContainerEdits::append(const ContainerEdits& other) {
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  add(env, other.env);
  add(device_nodes, other.device_nodes);
  add(mounts, other.mounts);
  add(hooks, other.hooks);
  add(additional_gids, other.additional_gids);
  if (other.intel_rdt) intel_rdt = other.intel_rdt;
}

Result<CdiSpec> parse_cdi_spec(const json& root) {
  const Members in = TRY(Members::of(
      root, "the file", {"cdiVersion", "kind", "annotations", "devices", "containerEdits"}));
  std::string version = TRY(in.text("cdiVersion"));
  if (version.starts_with('v')) version.erase(0, 1);
  if (std::find(kVersions.begin(), kVersions.end(), version) == kVersions.end())
    return corrupt(fmt::format("unknown cdiVersion \"{}\"", version));
  CdiSpec out;
  out.kind = TRY(in.text("kind"));
  const std::size_t slash = out.kind.find('/');
  if (slash == std::string::npos || !is_letter(out.kind.front()))
    return corrupt(fmt::format("invalid kind \"{}\", not VENDOR/CLASS", out.kind));
  TRY(check_name("vendor", std::string_view(out.kind).substr(0, slash), "_-."));
  TRY(check_name("class", std::string_view(out.kind).substr(slash + 1), "_-."));
  const auto annotations = TRY(in.map("annotations"));
  out.edits = TRY(parse_edits(in.find("containerEdits")));
  std::set<std::string> seen;
  const auto devices = TRY(in.items("devices"));
  for (const json& item : devices) {
    const Members device =
        TRY(Members::of(item, "a device", {"name", "annotations", "containerEdits"}));
    CdiDevice one;
    one.name = TRY(device.text("name"));
    TRY(check_name("device name", one.name, "_-.:"));
    if (!seen.insert(one.name).second) return corrupt("device \"" + one.name + "\" is there twice");
    one.annotations = TRY(device.map("annotations"));
    one.annotations.insert(annotations.begin(), annotations.end());
    one.edits = TRY(parse_edits(device.find("containerEdits")).context("device " + one.name));
    if (one.edits.empty()) return corrupt("device \"" + one.name + "\" has no containerEdits");
    out.devices.push_back(std::move(one));
  }
  if (out.devices.empty()) return corrupt("there are no devices in it");
  return out;
}

}  // namespace kiln::executor
