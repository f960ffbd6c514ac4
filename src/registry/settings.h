// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/endpoint.h"

namespace kiln::registry {

/// The files that say how registries are reached. What is missing says nothing.
struct SettingsFiles {
  /// registries.conf (containers-registries.conf(5), version 2), the later the stronger.
  std::vector<std::string> registries_conf;
  std::string daemon_json;  ///< docker's
  std::vector<std::string> certificate_folders;

  /// CONTAINERS_REGISTRIES_CONF, else the user's in place of the machine's, and the `.d` folders;
  /// docker's in /etc/docker and ~/.config/docker.
  static Result<SettingsFiles> from_environment();
};

/// Kind corrupt, with the place, for a file that can't be read.
Result<RegistryRules> load_rules(const SettingsFiles& files);

/// One registries.conf into rules: a prefix that is known already is replaced.
Result<void> add_registries_conf(RegistryRules& rules, std::string_view text,
                                 const std::string& name);
/// docker's `registry-mirrors` and `insecure-registries`.
Result<void> add_daemon_json(RegistryRules& rules, std::string_view text, const std::string& name);

}  // namespace kiln::registry
