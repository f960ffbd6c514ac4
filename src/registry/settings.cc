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

/// A member of a table, or `otherwise` if it has none of that name.
template <typename T>
Result<T> member_of(const toml::table& table, const char* key, const std::string& file,
                    T otherwise) {
  const auto* node = table.get(key);
  if (node == nullptr) return otherwise;
  if (auto value = node->value_exact<T>()) return *std::move(value);
  return corrupt(fmt::format("{}:{}: {} is not a {}", file, node->source().begin.line, key,
                             std::is_same_v<T, bool> ? "boolean" : "string"));
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

/// `host[:port][/path]`, or empty.
Result<std::string> place_of(const toml::table& table, const char* key, const std::string& file) {
  std::string text = TRY(member_of(table, key, file, std::string()));
  std::string out = without_slash(std::move(text));
  if (out.find("://") == std::string::npos) return out;
  return corrupt(fmt::format("{}:{}: {} \"{}\" has a scheme, where host[:port][/path] is wanted",
                             file, table.get(key)->source().begin.line, key, out));
}

Result<Mirror> mirror_of(const toml::table& table, bool digests_only, const std::string& file) {
  Mirror out;
  out.location = TRY(place_of(table, "location", file));
  out.insecure = TRY(member_of(table, "insecure", file, false));
  const std::string kind = TRY(member_of(table, "pull-from-mirror", file, std::string()));
  out.tags = !digests_only && kind != "digest-only";
  out.digests = kind != "tag-only";
  return out;
}

Result<RegistryRule> rule_of(const toml::table& table, const std::string& name) {
  RegistryRule out;
  out.location = TRY(place_of(table, "location", name));
  out.prefix = TRY(place_of(table, "prefix", name));
  if (out.prefix.empty()) out.prefix = out.location;
  if (out.prefix.empty()) return corrupt(name + ": a registry with neither prefix nor location");
  out.insecure = TRY(member_of(table, "insecure", name, false));
  out.blocked = TRY(member_of(table, "blocked", name, false));
  const bool digests_only = TRY(member_of(table, "mirror-by-digest-only", name, false));
  if (const auto* mirrors = table["mirror"].as_array()) {
    for (const auto& node : *mirrors) {
      const auto* mirror = node.as_table();
      if (mirror == nullptr) return corrupt(name + ": a mirror that is no table");
      Mirror read = TRY(mirror_of(*mirror, digests_only, name));
      out.mirrors.push_back(std::move(read));
    }
  }
  return out;
}

/// Two tables of one file that say different things of one place.
Result<void> check_agreement(const RegistryRule& rule, const std::vector<RegistryRule>& others,
                             const std::string& file) {
  const auto place = [](const RegistryRule& of) {
    return of.location.empty() ? of.prefix : of.location;
  };
  for (const auto& other : others) {
    if (place(other) != place(rule)) continue;
    if (other.insecure == rule.insecure && other.blocked == rule.blocked) continue;
    return corrupt(fmt::format("{}: registry {} has two tables that differ in \"{}\"", file,
                               place(rule),
                               other.blocked == rule.blocked ? "insecure" : "blocked"));
  }
  return {};
}

/// A URL, or what follows its scheme alone, as daemon.json has either.
std::pair<std::string, std::optional<Endpoint::Scheme>> split_scheme(std::string_view url) {
  std::optional<Endpoint::Scheme> scheme;
  const std::string lower = to_lower(url);
  if (lower.starts_with("https://")) scheme = Endpoint::Scheme::https;
  if (lower.starts_with("http://")) scheme = Endpoint::Scheme::http;
  if (scheme) url.remove_prefix(url.find("://") + 3);
  return {without_slash(std::string(url)), scheme};
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
  std::vector<RegistryRule> own;
  for (const auto& node : *registries) {
    const auto* registry = node.as_table();
    if (registry == nullptr) return corrupt(name + ": a registry that is no table");
    RegistryRule rule = TRY(rule_of(*registry, name));
    TRY(check_agreement(rule, own, name));
    own.push_back(std::move(rule));
  }
  for (auto& rule : own) {
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
    auto [location, scheme] = split_scheme(url);
    rules.docker_mirrors.push_back({.location = std::move(location), .scheme = scheme});
  }
  const auto insecure = TRY(json_strings(config, "insecure-registries").context(name));
  for (const auto& url : insecure.value_or(std::vector<std::string>()))
    rules.insecure.push_back(split_scheme(url).first);
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
