// SPDX-License-Identifier: Apache-2.0
#include "executor/cdi_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "executor/yaml.h"
#include "os/dir.h"
#include "os/fd.h"

namespace kiln::executor {
namespace {

namespace fs = std::filesystem;

/// BuildKit's: devices that a Dockerfile may ask for by a common name.
constexpr const char* kClassAnnotation = "org.mobyproject.buildkit.device.class";
constexpr std::size_t kMostText = std::size_t{16} << 20;

Result<CdiSpec> read_spec(const std::string& path) {
  const std::string text = TRY(os::read_file(path, kMostText));
  auto root = path.ends_with(".json") ? parse_json(text, "JSON") : parse_yaml(text, "YAML");
  if (!root) return std::move(root).error();
  return parse_cdi_spec(*root);
}

bool is_spec_name(const std::string& name) {
  return name.ends_with(".json") || name.ends_with(".yaml") || name.ends_with(".yml");
}

char type_of(const os::FileInfo& info) {
  switch (info.type) {
    case os::FileType::char_device:
      return 'c';
    case os::FileType::block_device:
      return 'b';
    case os::FileType::fifo:
      return 'p';
    default:
      return 0;
  }
}

/// Takes what is unset from the node of this machine.
Result<void> complete(DeviceNode& node) {
  if (node.host_path.empty()) node.host_path = node.path;
  if (node.type == 'u') node.type = 'c';
  const bool says_all = node.type != 0 && (node.major != 0 || node.type == 'p');
  const fs::path path(node.host_path);
  const auto found = [&]() -> Result<os::FileInfo> {
    const os::Dir dir = TRY(os::Dir::open(path.parent_path()));
    return dir.stat(path.filename().string());
  }();
  if (!found) {
    if (says_all) return {};
    return not_found("device node " + node.host_path + " isn't there");
  }
  const char type = type_of(*found);
  if (!node.mode && type != 0) node.mode = found->permissions;
  if (says_all) return {};
  if (type == 0) return invalid_input(node.host_path + " is no device node");
  if (node.type != 0 && node.type != type)
    return invalid_input(fmt::format("{} is of type {}, not {}", node.host_path, type, node.type));
  node.type = type;
  if (type != 'p' && node.major == 0) {
    node.major = found->rdev_major;
    node.minor = found->rdev_minor;
  }
  return {};
}

}  // namespace

void CdiRegistry::load_file(const std::string& path, std::size_t folder) const {
  auto spec = read_spec(path);
  if (!spec) {
    problems_.push_back(path + ": " + spec.error().message());
    return;
  }
  const auto common = std::make_shared<const ContainerEdits>(std::move(spec->edits));
  for (CdiDevice& device : spec->devices) {
    const std::string name = spec->kind + "=" + device.name;
    const auto known = entries_.find(name);
    if (known != entries_.end() && known->second.folder == folder) {
      known->second.ambiguous = true;
      problems_.push_back(fmt::format("{}: device {} is in another file too", path, name));
      continue;
    }
    entries_[name] = Entry{std::move(device), common, folder};
  }
}

void CdiRegistry::load() const {
  for (std::size_t i = 0; i < folders_.size(); ++i) {
    const auto dir = os::Dir::open(folders_[i]);
    if (!dir) {
      if (dir.error().kind() != ErrorKind::not_found)
        problems_.push_back(folders_[i] + ": " + dir.error().message());
      continue;
    }
    const auto list = dir->list();
    if (!list) continue;
    for (const os::DirEntry& entry : *list)
      if (is_spec_name(entry.name)) load_file(folders_[i] + "/" + entry.name, i);
  }
  std::erase_if(entries_, [](const auto& entry) { return entry.second.ambiguous; });
}

const std::map<std::string, CdiRegistry::Entry>& CdiRegistry::entries() const {
  std::call_once(loaded_, [this] { load(); });
  return entries_;
}

std::vector<std::string> CdiRegistry::names() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries()) out.push_back(name);
  return out;
}

std::vector<std::string> CdiRegistry::problems() const {
  (void)entries();
  return problems_;
}

std::vector<std::string> CdiRegistry::find(const std::string& requested) const {
  std::vector<std::string> out;
  const std::size_t equals = requested.find('=');
  const std::string kind = requested.substr(0, equals);
  const std::string name = equals == std::string::npos ? "" : requested.substr(equals + 1);
  if (kind.find('/') != std::string::npos) {
    for (const auto& [full, entry] : entries()) {
      const bool of_kind = full.starts_with(kind + "=");
      if (name.empty() || name == "*" ? of_kind : full == requested) out.push_back(full);
      if (name.empty() && !out.empty()) break;
    }
  }
  if (!out.empty()) return out;
  for (const auto& [full, entry] : entries()) {
    const auto& annotations = entry.device.annotations;
    const auto found = annotations.find(kClassAnnotation);
    if (found != annotations.end() && found->second == requested) out.push_back(full);
  }
  return out;
}

const std::map<std::string, std::string>* CdiRegistry::annotations(const std::string& name) const {
  const auto found = entries().find(name);
  return found == entries().end() ? nullptr : &found->second.device.annotations;
}

Result<ContainerEdits> CdiRegistry::edits(const std::vector<std::string>& names) const {
  ContainerEdits out;
  std::set<const ContainerEdits*> added;
  for (const auto& name : names) {
    const auto found = entries().find(name);
    if (found == entries().end()) return not_found("device " + name + " is not registered");
    const Entry& entry = found->second;
    if (added.insert(entry.common.get()).second) out.append(*entry.common);
    out.append(entry.device.edits);
  }
  for (DeviceNode& node : out.device_nodes) TRY(complete(node));
  return out;
}

}  // namespace kiln::executor
