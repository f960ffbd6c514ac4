// SPDX-License-Identifier: Apache-2.0
#include "frontend/run_lowering.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/paths.h"
#include "base/strings.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"
#include "format/units.h"
#include "frontend/history_text.h"
#include "oci/image_config.h"
#include "oci/platform_match.h"

namespace kiln::frontend {
namespace {

namespace df = dockerfile;

constexpr std::array<std::string_view, 5> kProxyArgs = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY",
                                                        "NO_PROXY", "ALL_PROXY"};
constexpr const char* kCacheNamespaceArg = "BUILDKIT_CACHE_MOUNT_NS";
constexpr const char* kHostnameArg = "BUILDKIT_SANDBOX_HOSTNAME";

llb::CacheSharing sharing_of(const df::RunMount& mount) {
  switch (mount.sharing.value_or(df::RunMount::Sharing::shared)) {
    case df::RunMount::Sharing::private_copy:
      return llb::CacheSharing::private_copy;
    case df::RunMount::Sharing::locked:
      return llb::CacheSharing::locked;
    default:
      return llb::CacheSharing::shared;
  }
}

bool holds_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

class RunLowering {
 public:
  RunLowering(const df::Run& run, const RunScope& scope) : run_(&run), scope_(&scope) {
    out_.inputs = {scope.state.root};
  }

  Result<LoweredRun> lower(const std::vector<std::string>& shell) {
    const BuildOptions& options = scope_->context.options;
    llb::ExecOp& exec = out_.op;
    exec.network = options.network;
    exec.host_network_named = options.host_network_named;
    set_command(shell);
    exec.env = scope_->state.variables.as_env();
    exec.cwd = working_dir();
    const oci::Platform& platform = scope_->state.config.platform;
    if (oci::is_foreign(platform, options.platform)) exec.architecture = platform.architecture;
    exec.user = scope_->state.config.config.user;
    exec.max_mtime = options.source_date_epoch;
    exec.all_mtimes = options.all_mtimes;
    exec.hostname = build_arg(kHostnameArg);
    exec.shm_size = options.run.shm_size;
    exec.ulimits = options.run.ulimits;
    exec.host_names = options.run.host_names;
    exec.volumes = options.run.volumes;
    add_proxy_settings();
    for (const auto& flag : run_->flags) {
      flag_ = &flag;
      auto added = add_flag(flag);
      if (added) continue;
      if (scope_->failed_at != nullptr) *scope_->failed_at = df::field_range(flag, failed_field_);
      return std::move(added).error();
    }
    finish_ssh();
    TRY(check_nul());
    std::vector<std::string> args;
    for (const auto& name : scope_->state.arg_names)
      args.push_back(name + "=" + scope_->state.variables.find(name).value_or(""));
    out_.created_by = run_text(exec.argv, args);
    return std::move(out_);
  }

 private:
  void set_command(const std::vector<std::string>& shell) {
    llb::ExecOp& exec = out_.op;
    std::string script = run_->command.shell;
    if (run_->heredoc_only && run_->heredocs.size() == 1) {
      const df::Heredoc& heredoc = run_->heredocs.front();
      script = heredoc.file_content();
      if (script.starts_with("#!")) {
        const std::string path = "/dev/pipes/" + heredoc.name;
        exec.inline_mounts.push_back({path, script, 0755});
        exec.argv = {path};
        return;
      }
    } else {
      for (const auto& heredoc : run_->heredocs) script += "\n" + heredoc.content + heredoc.name;
    }
    if (run_->command.exec_form) {
      exec.argv = run_->command.argv;
      return;
    }
    exec.argv = shell;
    exec.argv.push_back(script);
  }

  /// What a process is given ends at a NUL byte: the kernel would cut it there.
  Result<void> check_nul() const {
    const llb::ExecOp& exec = out_.op;
    if (std::ranges::any_of(exec.argv, holds_nul))
      return invalid_input("the command holds a NUL byte");
    for (const auto& entry : exec.env) {
      if (holds_nul(entry))
        return invalid_input(
            fmt::format("the variable {} holds a NUL byte", split_once(entry, '=').first));
    }
    if (holds_nul(exec.user)) return invalid_input("the user's name holds a NUL byte");
    return {};
  }

  std::string working_dir() const {
    const std::string& dir = scope_->state.config.config.working_dir;
    return dir.empty() ? "/" : dir;
  }

  /// Empty if it isn't given.
  std::string build_arg(const char* name) const {
    const auto& args = scope_->context.options.build_args;
    const auto found = args.find(name);
    return found == args.end() ? std::string() : found->second;
  }

  /// A proxy's argument may be given in either case, or a mix; programs look for one or the other.
  void add_proxy_settings() {
    for (const auto& [given, value] : scope_->context.options.build_args) {
      const auto upper = std::ranges::find(kProxyArgs, to_upper(given));
      if (upper == kProxyArgs.end()) continue;
      for (const std::string& name : {std::string(*upper), to_lower(*upper)})
        if (!scope_->state.variables.find(name)) oci::set_env(out_.op.unkeyed_env, name, value);
    }
  }

  Result<void> add_flag(const df::Flag& flag) {
    const std::string text = flag.value.value_or("");
    if (flag.name == "mount") return add_mount(text);
    if (flag.name == "network") return set_network(text);
    if (flag.name == "security") return set_security(text);
    return add_device(text);
  }

  Result<void> add_device(const std::string& text) {
    const df::RunDevice wanted = TRY(df::parse_run_device(text));
    Devices* devices = scope_->context.options.run.devices;
    std::vector<std::string> found;
    if (devices != nullptr) {
      found = TRY(devices->find(wanted.name, wanted.required));
    } else if (wanted.required) {
      return not_found("required device \"" + wanted.name + "\" is not registered");
    }
    if (found.empty())
      scope_->context.warnings.push_back(
          fmt::format("{}: device \"{}\" is not registered: RUN goes without it",
                      scope_->place.location, wanted.name));
    for (auto& name : found) {
      if (std::ranges::find(out_.op.devices, name) == out_.op.devices.end())
        out_.op.devices.push_back(std::move(name));
    }
    return {};
  }

  Result<void> require(const std::string& entitlement) const {
    if (scope_->context.options.run.entitlements.contains(entitlement)) return {};
    return Error(ErrorKind::permission, entitlement + " is not allowed")
        .with_hint("kiln build --allow " + entitlement + " allows it");
  }

  Result<void> set_network(const std::string& text) {
    const std::string value = TRY(scope_->expand(text));
    if (value == "none") {
      out_.op.network = llb::NetworkMode::none;
    } else if (value == "host") {
      TRY(require("network.host"));
      out_.op.network = llb::NetworkMode::host;
      out_.op.host_network_named = true;
    } else if (value == "default") {
      out_.op.network = scope_->context.options.network;
      out_.op.host_network_named = scope_->context.options.host_network_named;
    } else {
      return invalid_input("invalid network mode \"" + value + "\"");
    }
    return {};
  }

  Result<void> set_security(const std::string& text) {
    const std::string value = TRY(scope_->expand(text));
    if (value == "insecure") {
      TRY(require("security.insecure"));
      out_.op.security = llb::SecurityMode::insecure;
    } else if (value != "sandbox") {
      return invalid_input("security \"" + value + "\" is not valid");
    }
    return {};
  }

  // --- mounts

  Result<void> add_mount(const std::string& text) {
    const df::RunMount mount = TRY(df::parse_run_mount(text, scope_->expand, &failed_field_));
    for (const std::string* path : {&mount.source, &mount.target, &mount.id}) {
      if (holds_nul(*path)) return invalid_input("the mount's path holds a NUL byte");
    }
    switch (mount.type) {
      case df::RunMount::Type::bind:
        return add_bind(mount);
      case df::RunMount::Type::cache:
        return add_cache(mount);
      case df::RunMount::Type::tmpfs:
        return add_tmpfs(mount);
      case df::RunMount::Type::secret:
        return add_secret(mount);
      case df::RunMount::Type::ssh:
        return add_ssh(mount);
    }
    return {};
  }

  Result<std::string> absolute_target(const std::string& written) const {
    const std::string target =
        df::clean_path(written.starts_with('/') ? written : "/" + working_dir() + "/" + written);
    if (target == "/") return invalid_input("invalid mount target \"/\"");
    return target;
  }

  /// Shows an error that begins with `text`, when the step runs, below `field` of the flag.
  void point_at(const std::string& field, const std::string& text) {
    out_.focused[text] = scope_->quoted(df::field_range(*flag_, field));
  }

  /// The field that names the source, as far as it is written as it is read.
  std::string source_field(const df::RunMount& mount) const {
    for (const char* key : {"source=", "src="}) {
      const std::string field = key + mount.source;
      if (flag_->value.value_or("").find(field) != std::string::npos) return field;
    }
    return {};
  }

  static llb::MountOwner owner_of(const df::RunMount& mount) {
    return {mount.mode, mount.uid, mount.gid};
  }

  std::size_t input_of(llb::VertexId vertex) {
    const auto found = std::find(out_.inputs.begin() + 1, out_.inputs.end(), vertex);
    const auto index = static_cast<std::size_t>(found - out_.inputs.begin());
    if (found == out_.inputs.end()) out_.inputs.push_back(vertex);
    return index;
  }

  Result<llb::VertexId> resolve_from(const df::RunMount& mount) {
    failed_field_ = "from=" + mount.from;
    if (parse_uint(mount.from))
      return invalid_input("invalid from \"" + mount.from +
                           "\": a mount's stage has to have a name")
          .with_hint("add AS NAME to the stage's FROM and mount from=NAME");
    df::Word name;
    name.text = mount.from;
    const llb::VertexId from = TRY(scope_->context.resolve_from(name));
    failed_field_.clear();
    return from;
  }

  /// A step sees of the machine's files what a COPY would take of them: without what is ignored,
  /// and as root's. So they are copied, which the cache makes rare.
  llb::VertexId as_layer(llb::VertexId local, const std::string& source, const std::string& field) {
    llb::Graph& graph = scope_->context.graph;
    const llb::VertexId scratch = graph.add({llb::ImageSource{}, {}, {}});
    llb::CopyAction copy;
    copy.pattern = df::escape_glob(source);
    copy.destination = source;
    copy.with_directory = true;
    llb::FileOp op;
    op.actions.emplace_back(std::move(copy));
    llb::Origin place = scope_->place;
    place.name = "[internal] load " + source + " for a mount";
    place.place += ":" + source;
    place.excerpt = scope_->quoted(df::field_range(*flag_, field));
    return graph.add({std::move(op), {scratch, local}, std::move(place)});
  }

  /// `source` is not copied with what is beside it: nothing else in the context is looked at.
  llb::VertexId mountable(llb::VertexId vertex, const df::RunMount& mount,
                          const std::string& source) {
    const std::string field = source_field(mount);
    point_at(field, llb::absence_of(source));
    const bool files = llb::gives_files(scope_->context.graph.vertex(vertex).op);
    return files ? as_layer(vertex, source, field) : vertex;
  }

  Result<void> add_bind(const df::RunMount& mount) {
    llb::BindMount out;
    out.target = TRY(absolute_target(mount.target));
    out.source = df::clean_path("/" + mount.source);
    out.read_only = mount.read_only;
    llb::VertexId from = 0;
    if (mount.from.empty()) {
      from = scope_->build_context();
    } else {
      from = TRY(resolve_from(mount));
    }
    out.input = input_of(mountable(from, mount, out.source));
    out_.op.mounts.emplace_back(std::move(out));
    return {};
  }

  Result<void> add_cache(const df::RunMount& mount) {
    llb::CacheMount out;
    out.target = TRY(absolute_target(mount.target));
    out.id = mount.id.empty() ? df::clean_path(mount.target) : mount.id;
    if (const std::string space = build_arg(kCacheNamespaceArg); !space.empty())
      out.id = space + "/" + out.id;
    out.sharing = sharing_of(mount);
    out.read_only = mount.read_only;
    out.source = df::clean_path("/" + mount.source);
    out.owner = owner_of(mount);
    if (!mount.from.empty()) {
      const llb::VertexId from = TRY(resolve_from(mount));
      out.input = input_of(mountable(from, mount, out.source));
    }
    out_.op.mounts.emplace_back(std::move(out));
    return {};
  }

  Result<void> add_tmpfs(const df::RunMount& mount) {
    llb::TmpfsMount out;
    out.target = TRY(absolute_target(mount.target));
    out.read_only = mount.read_only;
    if (!mount.size.empty()) {
      const auto size = format::parse_binary_size(mount.size);
      if (!size || *size < 0) return invalid_input("invalid value for size: " + mount.size);
      out.size = static_cast<std::uint64_t>(*size);
    }
    out_.op.mounts.emplace_back(std::move(out));
    return {};
  }

  Result<void> add_secret(const df::RunMount& mount) {
    llb::SecretMount out;
    out.id = mount.source.empty() ? mount.id : mount.source;
    if (out.id.empty()) out.id = base_name(mount.target);
    out.target = mount.target;
    if (mount.env) {
      out.env = *mount.env;
    } else if (out.target.empty()) {
      out.target = "/run/secrets/" + std::string(base_name(out.id));
    }
    if (!out.target.empty()) out.target = TRY(absolute_target(out.target));
    out.required = mount.required;
    out.owner = owner_of(mount);
    point_at("id=" + mount.id, llb::absence_of_secret(out.id));
    out_.op.mounts.emplace_back(std::move(out));
    return {};
  }

  Result<void> add_ssh(const df::RunMount& mount) {
    llb::SshMount out;
    out.id = mount.id.empty() ? "default" : mount.id;
    out.target = fmt::format("/run/buildkit/ssh_agent.{}", agents_.size());
    if (!mount.target.empty()) out.target = TRY(absolute_target(mount.target));
    out.required = mount.required;
    out.owner = owner_of(mount);
    point_at(mount.id.empty() ? "" : "id=" + mount.id, llb::absence_of_agent(out.id));
    agents_.push_back(out.target);
    out_.op.mounts.emplace_back(std::move(out));
    return {};
  }

  /// The first agent is the one that ssh finds.
  void finish_ssh() {
    if (agents_.empty() || oci::find_env(out_.op.env, "SSH_AUTH_SOCK")) return;
    out_.op.env.push_back("SSH_AUTH_SOCK=" + agents_.front());
  }

  const df::Run* run_;
  const RunScope* scope_;
  const df::Flag* flag_ = nullptr;  ///< that is being added
  LoweredRun out_;
  std::vector<std::string> agents_;
  std::string failed_field_;  ///< of a mount that can't be had
};

}  // namespace

Result<LoweredRun> lower_run(const dockerfile::Run& run, const std::vector<std::string>& shell,
                             const RunScope& scope) {
  return RunLowering(run, scope).lower(shell);
}

}  // namespace kiln::frontend
