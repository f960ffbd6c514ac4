// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/platform.h"

namespace kiln::oci {

/// Docker's extension of the OCI config. Durations are nanoseconds; 0 inherits the default.
struct Healthcheck {
  std::vector<std::string> test;  ///< {"NONE"}, {"CMD", args…} or {"CMD-SHELL", command}
  std::int64_t interval = 0;
  std::int64_t timeout = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
  std::int64_t retries = 0;
  bool operator==(const Healthcheck&) const = default;
};

/// The `config` object of an image config: how a container of it runs. `entrypoint`, `command` and
/// `shell` tell an empty list ([] in the JSON) from an absent one.
struct RunConfig {
  std::string user;
  std::set<std::string> exposed_ports;  ///< "80/tcp"
  std::vector<std::string> env;         ///< "KEY=value"
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> command;
  std::set<std::string> volumes;
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<Healthcheck> healthcheck;
  std::vector<std::string> on_build;
  std::optional<std::vector<std::string>> shell;
  bool args_escaped = false;  ///< docker's mark of a config whose Cmd a Dockerfile set
  bool operator==(const RunConfig&) const = default;
};

struct History {
  std::string created;  ///< RFC 3339, or empty
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
  bool operator==(const History&) const = default;
};

/// An image's configuration (image spec, config.md, and docker's extensions of it).
struct ImageConfig {
  std::string created;  ///< RFC 3339, or empty
  std::string author;
  Platform platform;
  std::string os_version;
  RunConfig config;
  std::vector<DiffId> diff_ids;  ///< lowest first
  std::vector<History> history;
  /// BuildKit's `moby.buildkit.cache.v0`, in base64. Written and never read: what a base image has
  /// is not of the image that is made of it.
  std::string inline_cache = {};

  /// Kind corrupt, naming the member, if a member has the wrong type or a digest is none.
  static Result<ImageConfig> parse(std::string_view json);
  /// Canonical: keys sorted, no white space, absent members left out.
  std::string to_json() const;
  bool operator==(const ImageConfig&) const = default;
};

/// The PATH of a build or container whose image has none.
inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The `config` object alone, with docker's member names.
nlohmann::json run_config_to_json(const RunConfig& config);

/// The value of KEY in a list of KEY=value, or nullopt.
std::optional<std::string> find_env(const std::vector<std::string>& env, std::string_view key);
/// Replaces KEY's value where it stands, or appends it.
void set_env(std::vector<std::string>& env, std::string_view key, std::string_view value);

}  // namespace kiln::oci
