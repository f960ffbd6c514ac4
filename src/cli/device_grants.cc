// SPDX-License-Identifier: Apache-2.0
#include "cli/device_grants.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/csv.h"

namespace kiln::cli {
namespace {

constexpr const char* kAutoAllowAnnotation = "org.mobyproject.buildkit.device.autoallow";

}  // namespace

Result<void> DeviceGrants::allow(const std::string& text) {
  if (text.empty() || text == "=") {
    all_ = true;
    return {};
  }
  const auto fields = TRY(dockerfile::csv_fields(text.substr(1)));
  std::string alias;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const auto [key, value] = split_once(fields[i], '=');
    if (!value) return invalid_input("invalid device config \"" + fields[i] + "\"");
    if (key != "alias")
      return invalid_input(fmt::format("unknown device config key \"{}\"", key))
          .with_hint("--allow device=NAME[,alias=NAME]");
    alias = *value;
  }
  if (alias.empty()) {
    names_.insert(fields.front());
  } else {
    aliases_[alias] = fields.front();
  }
  return {};
}

Error DeviceGrants::missing(const std::string& name) const {
  std::string hint = "no CDI file in " + join(registry_->folders(), " or ") + " describes it";
  const auto names = registry_->names();
  if (!names.empty()) hint += "; there are " + join(names, ", ");
  for (const auto& problem : registry_->problems()) hint += "\n" + problem;
  return not_found("required device \"" + name + "\" is not registered").with_hint(std::move(hint));
}

Result<bool> DeviceGrants::is_granted(const std::string& device) const {
  for (const auto& name : names_) {
    const auto devices = registry_->find(name);
    if (devices.empty()) return missing(name);
    if (std::ranges::find(devices, device) != devices.end()) return true;
  }
  const auto* annotations = registry_->annotations(device);
  const auto found = annotations->find(kAutoAllowAnnotation);
  return found != annotations->end() && parse_bool_in_any_case(found->second).value_or(false);
}

Result<std::vector<std::string>> DeviceGrants::find(const std::string& name, bool required) {
  const auto alias = aliases_.find(name);
  const bool renamed = !all_ && alias != aliases_.end();
  const std::string& wanted = renamed ? alias->second : name;
  auto devices = registry_->find(wanted);
  if (devices.empty() && required) return missing(wanted);
  if (all_ || renamed) return devices;
  std::vector<std::string> forbidden;
  for (const auto& device : devices) {
    const bool granted = TRY(is_granted(device));
    if (!granted) forbidden.push_back(device);
  }
  if (forbidden.empty()) return devices;
  const bool one = forbidden.size() == 1;
  return Error(ErrorKind::permission,
               fmt::format("{} {} {} requested by the build but not allowed",
                           one ? "device" : "devices", join(forbidden, ", "), one ? "is" : "are"))
      .with_hint("kiln build --allow device=" + name + " allows it, --allow device all devices");
}

}  // namespace kiln::cli
