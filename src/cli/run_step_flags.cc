// SPDX-License-Identifier: Apache-2.0
#include "cli/run_step_flags.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "cli/volume_flag.h"
#include "dockerfile/csv.h"
#include "format/units.h"
#include "os/kernel.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

constexpr std::uintmax_t kLargestSecret = 500 * 1024;
constexpr std::int64_t kLeastMemory = std::int64_t{6} << 20;
constexpr const char* kAgentVariable = "SSH_AUTH_SOCK";
/// Steps share the machine's network, on which the machine itself is this.
constexpr const char* kHostGateway = "127.0.0.1";
constexpr std::string_view kDevice = "device";
const std::vector<std::string> kCdiFolders = {"/etc/cdi", "/var/run/cdi"};

// --- sizes and numbers

Result<std::int64_t> parse_size(const std::string& text) {
  auto size = format::parse_binary_size(text);
  if (!size || *size < 0) return invalid_input("invalid size: '" + text + "'");
  return size;
}

Result<std::int64_t> parse_number(const std::string& text) {
  const bool negative = text.starts_with('-');
  const auto value = parse_uint(std::string_view(text).substr(negative ? 1 : 0));
  if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return invalid_input(fmt::format("strconv.ParseInt: parsing \"{}\": invalid syntax", text));
  const auto number = static_cast<std::int64_t>(*value);
  return negative ? -number : number;
}

Result<std::int64_t> parse_swap(const std::string& text) {
  if (text == "-1") return std::int64_t{-1};
  return parse_size(text);
}

/// Fails as `parse` does.
template <typename Parse>
auto check_with(Parse parse) {
  return [parse](const std::string& text) -> Result<void> {
    const auto parsed = parse(text);
    if (!parsed) return parsed.error();
    return {};
  };
}

Result<llb::Ulimit> parse_ulimit(const std::string& text) {
  const auto [name, values] = split_once(text, '=');
  if (!values) return invalid_input("invalid ulimit argument: " + text);
  llb::Ulimit out;
  out.name = name;
  if (!os::resource_limit(name)) return invalid_input("invalid ulimit type: " + out.name);
  const auto [soft_text, hard_text] = split_once(*values, ':');
  const std::int64_t soft = TRY(parse_number(std::string(soft_text)));
  std::int64_t hard = soft;
  if (hard_text) hard = TRY(parse_number(std::string(*hard_text)));
  // -1 is no limit, which is more than any.
  if (hard != -1 && (soft == -1 || soft > hard))
    return invalid_input(fmt::format(
        "ulimit soft limit must be less than or equal to hard limit: {} > {}", soft, hard));
  out.soft = static_cast<std::uint64_t>(soft);
  out.hard = static_cast<std::uint64_t>(hard);
  return out;
}

// --- hosts

Result<executor::ExtraHost> parse_host(const std::string& text) {
  auto parts = split_once(text, '=');
  if (!parts.second) parts = split_once(text, ':');
  executor::ExtraHost host;
  host.name = parts.first;
  host.address = parts.second.value_or("");
  if (host.address == "host-gateway") host.address = kHostGateway;
  if (host.address.size() > 2 && host.address.starts_with('[') && host.address.ends_with(']'))
    host.address = host.address.substr(1, host.address.size() - 2);
  if (host.name.empty() || !os::is_ip_address(host.address))
    return invalid_input("invalid host " + text);
  return host;
}

// --- secrets and agents

Result<void> check_secret_file(const std::string& id, const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    return not_found(fmt::format("failed to stat {}: no such file or directory", path));
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > kLargestSecret)
    return invalid_input(fmt::format("secret {} too big. max size 500KB", id));
  return {};
}

Result<void> add_secret(const std::string& text,
                        std::map<std::string, solver::SecretSource>& secrets) {
  const auto fields = TRY(dockerfile::csv_fields(text).context("failed to parse csv secret"));
  std::string id, type, path, variable;
  for (const auto& field : fields) {
    const auto [raw_key, value] = split_once(field, '=');
    const std::string key = to_lower(raw_key);
    if (!value) return invalid_input("invalid field '" + field + "' must be a key=value pair");
    if (key == "type") {
      if (*value != "file" && *value != "env")
        return invalid_input(fmt::format("unsupported secret type \"{}\"", *value));
      type = *value;
    } else if (key == "id") {
      id = *value;
    } else if (key == "source" || key == "src") {
      path = *value;
    } else if (key == "env") {
      variable = *value;
    } else {
      return invalid_input(fmt::format("unexpected key '{}' in '{}'", key, field));
    }
  }
  if (type == "env" && variable.empty()) variable = std::exchange(path, {});
  if (id.empty()) return invalid_input("secret missing ID");
  // The id alone: a variable of that name, else a file.
  if (path.empty() && variable.empty()) {
    if (os::environment(id)) {
      variable = id;
    } else {
      path = id;
    }
  }
  using Kind = solver::SecretSource::Kind;
  if (!path.empty()) TRY(check_secret_file(id, path));
  const bool from_variable = !variable.empty();
  secrets[id] = {from_variable ? Kind::environment : Kind::file, from_variable ? variable : path};
  return {};
}

Result<void> add_agent(const std::string& text, std::map<std::string, solver::SshSource>& agents) {
  const auto [id, paths_text] = split_once(text, '=');
  std::vector<std::string> paths;
  if (paths_text) {
    for (const std::string_view path : split(*paths_text, ',')) paths.emplace_back(path);
  }
  if (paths.empty()) {
    const auto socket = os::environment(kAgentVariable);
    if (!socket || socket->empty())
      return invalid_input("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set")
          .with_hint("start an agent (eval $(ssh-agent); ssh-add), or name a key: --ssh " +
                     std::string(id) + "=FILE");
    paths = {*socket};
  }
  solver::SshSource source;
  for (const auto& path : paths) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
      return not_found(fmt::format("failed to open {}: no such file or directory", path));
    std::string absolute = TRY(os::canonical_path(path));
    if (!std::filesystem::is_socket(status)) {
      source.keys.push_back(std::move(absolute));
    } else if (source.socket.empty()) {
      source.socket = std::move(absolute);
    } else {
      return invalid_input("only single socket allowed");
    }
  }
  if (!source.socket.empty() && !source.keys.empty())
    return invalid_input("invalid combination of keys and sockets");
  agents[std::string(id)] = std::move(source);
  return {};
}

// --- limits

Result<executor::Resources> parse_resources(const RunStepFlags& flags) {
  executor::Resources out;
  if (!flags.memory.empty()) out.memory = TRY(parse_size(flags.memory));
  if (!flags.memory_swap.empty()) out.memory_swap = TRY(parse_swap(flags.memory_swap));
  if (out.memory == 0) out.memory.reset();
  if (out.memory_swap == 0) out.memory_swap.reset();
  if (out.memory && *out.memory < kLeastMemory)
    return invalid_input("Minimum memory limit allowed is 6MB");
  if (out.memory_swap && !out.memory)
    return invalid_input("You should always set the Memory limit when using Memoryswap limit");
  if (out.memory_swap && *out.memory_swap != -1 && *out.memory_swap < *out.memory)
    return invalid_input("Minimum memoryswap limit should be larger than memory limit, see usage");
  const auto number = [](const std::string& text) -> Result<std::optional<std::int64_t>> {
    if (text.empty()) return std::optional<std::int64_t>();
    const std::int64_t value = TRY(parse_number(text));
    if (value == 0) return std::optional<std::int64_t>();
    return std::optional(value);
  };
  const auto shares = TRY(number(flags.cpu_shares));
  const auto period = TRY(number(flags.cpu_period));
  if ((shares && *shares < 0) || (period && *period < 0))
    return invalid_input("CPU shares and periods can't be negative");
  if (shares) out.cpu_shares = static_cast<std::uint64_t>(*shares);
  if (period) out.cpu_period = static_cast<std::uint64_t>(*period);
  out.cpu_quota = TRY(number(flags.cpu_quota));
  out.cpus = flags.cpus;
  out.memory_nodes = flags.memory_nodes;
  out.cgroup_parent = flags.cgroup_parent;
  return out;
}

bool names_device(const std::string& entitlement) {
  return entitlement == "device" || entitlement.starts_with("device=");
}

Result<void> allow(const std::string& entitlement, frontend::RunOptions& options) {
  if (entitlement == "network.host" || entitlement == "security.insecure") {
    options.entitlements.insert(entitlement);
    return {};
  }
  // The last is for output directories, not for RUN.
  if (names_device(entitlement) || entitlement == "buildx.local.delete") return {};
  return invalid_input("unknown entitlement " + entitlement)
      .with_hint("one of network.host, security.insecure, device, device=NAME");
}

}  // namespace

void add_run_step_flags(FlagSet& set, RunStepFlags& flags) {
  set.list("--add-host", flags.hosts, "a line of /etc/hosts, NAME:ADDRESS (or host-gateway)")
      .list("--allow", flags.allow,
            "what RUN may ask for: network.host, security.insecure, device[=NAME]; or "
            "buildx.local.delete, for mode=delete of an output")
      .list("--cdi-spec-dir", flags.cdi_folders,
            "where CDI files describe devices (default: /etc/cdi and /var/run/cdi)")
      .option("--cgroup-parent", flags.cgroup_parent, "the control group of RUN's groups")
      .option("--cpu-period", flags.cpu_period, "microseconds that --cpu-quota counts in")
      .checked(check_with(parse_number))
      .option("--cpu-quota", flags.cpu_quota, "microseconds of processor time in each period")
      .checked(check_with(parse_number))
      .option("-c,--cpu-shares", flags.cpu_shares, "weight among others, 1024 being the usual")
      .checked(check_with(parse_number))
      .option("--cpuset-cpus", flags.cpus, "the processors to use, such as 0-3,5")
      .option("--cpuset-mems", flags.memory_nodes, "the memory nodes to use")
      .option("-m,--memory", flags.memory, "bytes of memory for each RUN, such as 512m")
      .checked(check_with(parse_size))
      .option("--memory-swap", flags.memory_swap, "bytes of memory and swap, -1 for any")
      .checked(check_with(parse_swap))
      .option("--network", flags.network, "network of RUN: default and host (the same) or none")
      .list("--secret", flags.secrets, "a secret for RUN: id=ID[,src=FILE|,env=NAME]")
      .option("--shm-size", flags.shm_size, "bytes of /dev/shm, such as 128m")
      .checked(check_with(parse_size))
      .list("--ssh", flags.ssh, "an SSH agent for RUN: default|ID[=SOCKET|=KEY,…]")
      .list("--ulimit", flags.ulimits, "a limit of RUN's processes, NAME=SOFT[:HARD]")
      .checked(check_with(parse_ulimit))
      .list("-v,--volume", flags.volumes,
            "a folder of this machine for RUN, HOST:CONTAINER[:ro,O,U,noexec,…]");
}

Result<void> apply_run_step_flags(const RunStepFlags& flags, frontend::BuildOptions& options) {
  frontend::RunOptions& run = options.run;
  for (const auto& entitlement : flags.allow) TRY(allow(entitlement, run));
  if (flags.network == "none") {
    options.network = llb::NetworkMode::none;
  } else if (flags.network == "host") {
    run.entitlements.insert("network.host");
    options.host_network_named = true;
  } else if (flags.network != "default") {
    return invalid_input("network mode \"" + flags.network +
                         "\" is not supported: use host or none");
  }
  if (!flags.shm_size.empty()) {
    const std::int64_t size = TRY(parse_size(flags.shm_size));
    run.shm_size = static_cast<std::uint64_t>(size);
  }
  for (const auto& text : flags.ulimits) {
    llb::Ulimit limit = TRY(parse_ulimit(text));
    // The last one of a name counts.
    std::erase_if(run.ulimits, [&](const llb::Ulimit& other) { return other.name == limit.name; });
    run.ulimits.push_back(std::move(limit));
  }
  for (const auto& text : flags.hosts) {
    const executor::ExtraHost host = TRY(parse_host(text));
    run.host_names.push_back(host.name);
  }
  run.volumes = flags.volumes;
  return {};
}

Result<std::unique_ptr<DeviceGrants>> device_grants(const RunStepFlags& flags,
                                                    const solver::RunEnvironment& environment) {
  auto out = std::make_unique<DeviceGrants>(environment.devices);
  for (const auto& entitlement : flags.allow) {
    if (names_device(entitlement)) TRY(out->allow(entitlement.substr(kDevice.size())));
  }
  return out;
}

Result<solver::RunEnvironment> run_environment(const RunStepFlags& flags) {
  solver::RunEnvironment out;
  for (const auto& text : flags.secrets) {
    if (!text.empty()) TRY(add_secret(text, out.secrets));
  }
  for (const auto& text : flags.ssh) {
    if (!text.empty()) TRY(add_agent(text, out.ssh));
  }
  for (const auto& text : flags.hosts) {
    executor::ExtraHost host = TRY(parse_host(text));
    out.hosts.push_back(std::move(host));
  }
  for (const auto& text : flags.volumes) {
    executor::BindMount volume = TRY(parse_volume(text, MissingSource::error));
    out.volumes.push_back(std::move(volume));
  }
  out.resources = TRY(parse_resources(flags));
  out.devices = std::make_shared<const executor::CdiRegistry>(
      flags.cdi_folders.empty() ? kCdiFolders : flags.cdi_folders);
  return out;
}

}  // namespace kiln::cli
