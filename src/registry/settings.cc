// SPDX-License-Identifier: Apache-2.0
#include "registry/settings.h"

#include <fmt/format.h>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/system.h"

namespace kiln::registry {
namespace {

std::string text_of(const toml::table& table, const char* key) {
  return table[key].value_or(std::string());
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

Mirror mirror_of(const toml::table& table, bool digests_only) {
  Mirror out;
  out.location = without_slash(text_of(table, "location"));
  out.insecure = table["insecure"].value_or(false);
  const std::string kind = text_of(table, "pull-from-mirror");
  out.tags = !digests_only && kind != "digest-only";
  out.digests = kind != "tag-only";
  return out;
}

Result<RegistryRule> rule_of(const toml::table& table, const std::string& name) {
  RegistryRule out;
  out.location = without_slash(text_of(table, "location"));
  out.prefix = without_slash(text_of(table, "prefix"));
  if (out.prefix.empty()) out.prefix = out.location;
  if (out.prefix.empty()) return corrupt(name + ": a registry with neither prefix nor location");
  out.insecure = table["insecure"].value_or(false);
  out.blocked = table["blocked"].value_or(false);
  const bool digests_only = table["mirror-by-digest-only"].value_or(false);
  if (const auto* mirrors = table["mirror"].as_array()) {
    for (const auto& node : *mirrors) {
      const auto* mirror = node.as_table();
      if (mirror == nullptr) return corrupt(name + ": a mirror that is no table");
      out.mirrors.push_back(mirror_of(*mirror, digests_only));
    }
  }
  return out;
}

/// The files of a drop-in folder, in the order of their names.
Result<void> append_folder(std::vector<std::string>& files, const std::string& folder) {
  if (!os::path_exists(folder)) return {};
  const os::Dir dir = TRY(os::Dir::open(folder));
  const auto entries = TRY(dir.list());
  for (const auto& entry : entries) {
    if (entry.name.ends_with(".conf")) files.push_back(folder + "/" + entry.name);
  }
  return {};
}

}  // namespace

Result<SettingsFiles> SettingsFiles::from_environment() {
  const std::string home = os::environment("HOME").value_or("/root");
  const auto xdg = os::environment("XDG_CONFIG_HOME");
  const std::string config = xdg && !xdg->empty() ? *xdg : home + "/.config";
  SettingsFiles out;
  const auto named = os::environment("CONTAINERS_REGISTRIES_CONF");
  const std::string own = config + "/containers/registries.conf";
  if (named && !named->empty()) {
    out.registries_conf.push_back(*named);
  } else {
    out.registries_conf.push_back(os::path_exists(own) ? own : "/etc/containers/registries.conf");
    TRY(append_folder(out.registries_conf, "/etc/containers/registries.conf.d"));
    TRY(append_folder(out.registries_conf, own + ".d"));
  }
  const std::string user_daemon = config + "/docker/daemon.json";
  out.daemon_json =
      os::real_uid() != 0 && os::path_exists(user_daemon) ? user_daemon : "/etc/docker/daemon.json";
  out.certificate_folders = {config + "/containers/certs.d", "/etc/containers/certs.d",
                             config + "/docker/certs.d", home + "/.docker/certs.d",
                             "/etc/docker/certs.d"};
  return out;
}

Result<void> add_registries_conf(RegistryRules& rules, std::string_view text,
                                 const std::string& name) {
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    return corrupt(fmt::format("{}:{}: {}", name, parsed.error().source().begin.line,
                               std::string(parsed.error().description())));
  }
  const toml::table& table = parsed.table();
  if (table["registries"].is_table()) {
    return unsupported(name + ": version 1 of registries.conf is no longer supported")
        .with_hint("containers-registries.conf(5) describes version 2");
  }
  if (const auto* helpers = table["credential-helpers"].as_array()) {
    rules.credential_helpers.clear();
    for (const auto& node : *helpers) {
      const std::string helper = node.value_or(std::string());
      if (helper.empty()) return corrupt(name + ": a credential helper that is no name");
      // The files, which are looked at first in any case.
      if (helper != "containers-auth.json") rules.credential_helpers.push_back(helper);
    }
  }
  const auto* registries = table["registry"].as_array();
  if (registries == nullptr) return {};
  for (const auto& node : *registries) {
    const auto* registry = node.as_table();
    if (registry == nullptr) return corrupt(name + ": a registry that is no table");
    RegistryRule rule = TRY(rule_of(*registry, name));
    std::erase_if(rules.rules,
                  [&](const RegistryRule& known) { return known.prefix == rule.prefix; });
    rules.rules.push_back(std::move(rule));
  }
  return {};
}

Result<void> add_daemon_json(RegistryRules& rules, std::string_view text, const std::string& name) {
  if (trim(text).empty()) return {};
  const auto config = TRY(parse_json(text, name));
  if (!config.is_object()) return corrupt(name + ": not a JSON object");
  const auto mirrors = TRY(json_strings(config, "registry-mirrors").context(name));
  for (const auto& url : mirrors.value_or(std::vector<std::string>())) {
    Mirror mirror;
    std::string_view rest = url;
    for (const auto& [prefix, scheme] : {std::pair{"https://", Endpoint::Scheme::https},
                                         std::pair{"http://", Endpoint::Scheme::http}}) {
      if (!rest.starts_with(prefix)) continue;
      rest.remove_prefix(std::string_view(prefix).size());
      mirror.scheme = scheme;
    }
    mirror.location = without_slash(std::string(rest));
    rules.docker_mirrors.push_back(std::move(mirror));
  }
  auto insecure = TRY(json_strings(config, "insecure-registries").context(name));
  if (insecure) {
    rules.insecure.insert(rules.insecure.end(), insecure->begin(), insecure->end());
  }
  return {};
}

Result<RegistryRules> load_rules(const SettingsFiles& files) {
  RegistryRules rules;
  rules.certificate_folders = files.certificate_folders;
  for (const auto& path : files.registries_conf) {
    if (!os::path_exists(path)) continue;
    const std::string text = TRY(os::read_file(path));
    TRY(add_registries_conf(rules, text, path));
  }
  if (os::path_exists(files.daemon_json)) {
    const std::string text = TRY(os::read_file(files.daemon_json));
    TRY(add_daemon_json(rules, text, files.daemon_json));
  }
  return rules;
}

}  // namespace kiln::registry
