// SPDX-License-Identifier: Apache-2.0
#include "cli/image_json.h"

#include "base/strings.h"
#include "oci/reference.h"

namespace kiln::cli {
namespace {

using nlohmann::ordered_json;

template <typename T>
ordered_json list_or_null(const std::vector<T>& items) {
  return items.empty() ? ordered_json() : ordered_json(items);
}

ordered_json keys_or_null(const std::set<std::string>& keys) {
  if (keys.empty()) return {};
  ordered_json out = ordered_json::object();
  for (const auto& key : keys) out[key] = ordered_json::object();
  return out;
}

ordered_json describe_config(const oci::RunConfig& c) {
  ordered_json out = ordered_json::object();
  if (c.args_escaped) out["ArgsEscaped"] = true;
  out["Cmd"] = c.command ? ordered_json(*c.command) : ordered_json();
  out["Entrypoint"] = c.entrypoint ? ordered_json(*c.entrypoint) : ordered_json();
  out["Env"] = list_or_null(c.env);
  if (!c.exposed_ports.empty()) out["ExposedPorts"] = keys_or_null(c.exposed_ports);
  if (c.healthcheck) {
    ordered_json check = ordered_json::object();
    if (c.healthcheck->interval != 0) check["Interval"] = c.healthcheck->interval;
    if (c.healthcheck->retries != 0) check["Retries"] = c.healthcheck->retries;
    if (c.healthcheck->start_interval != 0) check["StartInterval"] = c.healthcheck->start_interval;
    if (c.healthcheck->start_period != 0) check["StartPeriod"] = c.healthcheck->start_period;
    if (!c.healthcheck->test.empty()) check["Test"] = c.healthcheck->test;
    if (c.healthcheck->timeout != 0) check["Timeout"] = c.healthcheck->timeout;
    out["Healthcheck"] = std::move(check);
  }
  out["Labels"] = c.labels.empty() ? ordered_json() : ordered_json(c.labels);
  out["OnBuild"] = list_or_null(c.on_build);
  if (c.shell) out["Shell"] = *c.shell;
  if (!c.stop_signal.empty()) out["StopSignal"] = c.stop_signal;
  out["User"] = c.user;
  out["Volumes"] = keys_or_null(c.volumes);
  out["WorkingDir"] = c.working_dir;
  return out;
}

std::string last_tag_time(const store::Image& image) {
  constexpr std::int64_t kSecond = 1000;
  constexpr std::uint32_t kMillisecond = 1'000'000;
  if (image.tagged == 0) return "0001-01-01T00:00:00Z";
  return format_rfc3339(image.tagged / kSecond,
                        static_cast<std::uint32_t>(image.tagged % kSecond) * kMillisecond);
}

}  // namespace

Result<ordered_json> describe_image(store::Store& store, const store::Image& image) {
  const oci::ImageConfig config = TRY(store.images().config(image));
  std::vector<std::string> tags;
  for (const auto& name : image.names) {
    const oci::Reference reference = TRY(oci::Reference::parse(name));
    tags.push_back(reference.familiar());
  }
  std::vector<std::string> layers;
  for (const auto& id : config.diff_ids) layers.push_back(id.str());
  ordered_json out = ordered_json::object();
  out["Id"] = image.id.str();
  out["RepoTags"] = tags;
  const auto digests = TRY(store.distribution().digests_of(image));
  out["RepoDigests"] = digests;
  out["Parent"] = "";
  out["Comment"] = config.history.empty() ? "" : config.history.back().comment;
  out["Created"] = config.created;
  out["DockerVersion"] = "";
  out["Author"] = config.author;
  out["Architecture"] = config.platform.architecture;
  if (!config.platform.variant.empty()) out["Variant"] = config.platform.variant;
  out["Os"] = config.platform.os;
  if (!config.os_version.empty()) out["OsVersion"] = config.os_version;
  out["Size"] = image.size;
  out["GraphDriver"] = {{"Data", nullptr}, {"Name", "overlay"}};
  out["RootFS"] = {{"Type", "layers"}};
  if (!layers.empty()) out["RootFS"]["Layers"] = layers;
  out["Metadata"] = {{"LastTagTime", last_tag_time(image)}};
  out["Config"] = describe_config(config.config);
  return out;
}

}  // namespace kiln::cli
