// SPDX-License-Identifier: Apache-2.0
#include "oci/image_config.h"

#include "base/json.h"

namespace kiln::oci {
namespace {

using nlohmann::json;

Result<std::set<std::string>> keys_of(const json& object, const char* key) {
  const json member = TRY(json_object(object, key));
  std::set<std::string> out;
  for (const auto& [name, ignored] : member.items()) out.insert(name);
  return out;
}

json object_of_keys(const std::set<std::string>& keys) {
  json out = json::object();
  for (const auto& key : keys) out[key] = json::object();
  return out;
}

Result<Healthcheck> parse_healthcheck(const json& object) {
  Healthcheck out;
  auto test = TRY(json_strings(object, "Test"));
  if (test) out.test = *std::move(test);
  out.interval = TRY(json_int(object, "Interval"));
  out.timeout = TRY(json_int(object, "Timeout"));
  out.start_period = TRY(json_int(object, "StartPeriod"));
  out.start_interval = TRY(json_int(object, "StartInterval"));
  out.retries = TRY(json_int(object, "Retries"));
  return out;
}

json healthcheck_to_json(const Healthcheck& check) {
  json out = json::object();
  if (!check.test.empty()) out["Test"] = check.test;
  if (check.interval != 0) out["Interval"] = check.interval;
  if (check.timeout != 0) out["Timeout"] = check.timeout;
  if (check.start_period != 0) out["StartPeriod"] = check.start_period;
  if (check.start_interval != 0) out["StartInterval"] = check.start_interval;
  if (check.retries != 0) out["Retries"] = check.retries;
  return out;
}

Result<RunConfig> parse_run_config(const json& object) {
  RunConfig out;
  out.user = TRY(json_string(object, "User"));
  out.exposed_ports = TRY(keys_of(object, "ExposedPorts"));
  auto env = TRY(json_strings(object, "Env"));
  if (env) out.env = *std::move(env);
  out.entrypoint = TRY(json_strings(object, "Entrypoint"));
  out.command = TRY(json_strings(object, "Cmd"));
  out.volumes = TRY(keys_of(object, "Volumes"));
  out.working_dir = TRY(json_string(object, "WorkingDir"));
  out.labels = TRY(json_string_map(object, "Labels"));
  out.stop_signal = TRY(json_string(object, "StopSignal"));
  const json check = TRY(json_object(object, "Healthcheck"));
  if (!check.empty()) out.healthcheck = TRY(parse_healthcheck(check));
  auto on_build = TRY(json_strings(object, "OnBuild"));
  if (on_build) out.on_build = *std::move(on_build);
  out.shell = TRY(json_strings(object, "Shell"));
  out.args_escaped = TRY(json_bool(object, "ArgsEscaped"));
  return out;
}

Result<ImageConfig> parse_image_config(const json& object) {
  if (!object.is_object()) return corrupt("not a JSON object");
  ImageConfig out;
  out.created = TRY(json_string(object, "created"));
  out.author = TRY(json_string(object, "author"));
  out.platform.os = TRY(json_string(object, "os"));
  out.platform.architecture = TRY(json_string(object, "architecture"));
  out.platform.variant = TRY(json_string(object, "variant"));
  out.os_version = TRY(json_string(object, "os.version"));
  const json config = TRY(json_object(object, "config"));
  out.config = TRY(parse_run_config(config));
  const json rootfs = TRY(json_object(object, "rootfs"));
  const auto diff_ids = TRY(json_strings(rootfs, "diff_ids"));
  if (diff_ids) {
    for (const auto& text : *diff_ids) {
      DiffId id = TRY(DiffId::parse(text));
      out.diff_ids.push_back(std::move(id));
    }
  }
  const json history = TRY(json_array(object, "history"));
  for (const auto& item : history) {
    History entry;
    entry.created = TRY(json_string(item, "created"));
    entry.created_by = TRY(json_string(item, "created_by"));
    entry.author = TRY(json_string(item, "author"));
    entry.comment = TRY(json_string(item, "comment"));
    entry.empty_layer = TRY(json_bool(item, "empty_layer"));
    out.history.push_back(std::move(entry));
  }
  return out;
}

void put_if(json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

}  // namespace

Result<ImageConfig> ImageConfig::parse(std::string_view text) {
  const json object = TRY(parse_json(text, "image config"));
  return parse_image_config(object).context("image config");
}

json run_config_to_json(const RunConfig& config) {
  json out = json::object();
  put_if(out, "User", config.user);
  if (!config.exposed_ports.empty()) out["ExposedPorts"] = object_of_keys(config.exposed_ports);
  if (!config.env.empty()) out["Env"] = config.env;
  if (config.entrypoint) out["Entrypoint"] = *config.entrypoint;
  if (config.command) out["Cmd"] = *config.command;
  if (!config.volumes.empty()) out["Volumes"] = object_of_keys(config.volumes);
  put_if(out, "WorkingDir", config.working_dir);
  if (!config.labels.empty()) out["Labels"] = config.labels;
  put_if(out, "StopSignal", config.stop_signal);
  if (config.healthcheck) out["Healthcheck"] = healthcheck_to_json(*config.healthcheck);
  if (!config.on_build.empty()) out["OnBuild"] = config.on_build;
  if (config.shell) out["Shell"] = *config.shell;
  if (config.args_escaped) out["ArgsEscaped"] = true;
  return out;
}

std::string ImageConfig::to_json() const {
  json out = json::object();
  put_if(out, "created", created);
  put_if(out, "author", author);
  out["os"] = platform.os;
  out["architecture"] = platform.architecture;
  put_if(out, "variant", platform.variant);
  put_if(out, "os.version", os_version);
  out["config"] = run_config_to_json(config);
  json ids = json::array();
  for (const auto& id : diff_ids) ids.push_back(id.str());
  out["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(ids)}};
  json entries = json::array();
  for (const auto& entry : history) {
    json item = json::object();
    put_if(item, "created", entry.created);
    put_if(item, "created_by", entry.created_by);
    put_if(item, "author", entry.author);
    put_if(item, "comment", entry.comment);
    if (entry.empty_layer) item["empty_layer"] = true;
    entries.push_back(std::move(item));
  }
  out["history"] = std::move(entries);
  put_if(out, "moby.buildkit.cache.v0", inline_cache);
  return dump_json(out);
}

std::optional<std::string> find_env(const std::vector<std::string>& env, std::string_view key) {
  for (auto it = env.rbegin(); it != env.rend(); ++it) {
    if (it->starts_with(key) && it->size() > key.size() && (*it)[key.size()] == '=')
      return it->substr(key.size() + 1);
  }
  return std::nullopt;
}

void set_env(std::vector<std::string>& env, std::string_view key, std::string_view value) {
  std::string pair = std::string(key) + "=" + std::string(value);
  for (auto& item : env) {
    const std::string_view name = std::string_view(item).substr(0, item.find('='));
    if (name == key) {
      item = std::move(pair);
      return;
    }
  }
  env.push_back(std::move(pair));
}

}  // namespace kiln::oci
