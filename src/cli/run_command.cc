// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/platform_flag.h"
#include "cli/volume_flag.h"
#include "executor/oci_executor.h"
#include "executor/user_lookup.h"
#include "oci/platform_match.h"
#include "os/file_io.h"
#include "os/proxied_signals.h"
#include "os/system.h"
#include "os/terminal.h"
#include "snapshot/layer_view.h"
#include "snapshot/overlay.h"

namespace kiln::cli {
namespace {

constexpr int kRunFailed = 125;  // docker's: the container could not be started

struct RunFlags {
  std::vector<std::string> env, volumes, labels;
  std::string workdir, user, entrypoint, network = "default", hostname, name, platform,
                                         runtime = "crun";
  bool remove = false, interactive = false, terminal = false, read_only = false, init = false;
};

Result<void> check_env(const std::string& pair) {
  if (pair.empty() || pair.starts_with('='))
    return invalid_input("invalid environment variable: " + pair);
  return {};
}

FlagSet run_flags(const Session& session, RunFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] IMAGE [COMMAND] [ARG...]",
              "Run a command in a new container");
  set.option("--entrypoint", flags.entrypoint, "run this instead of the image's entry point")
      .list("-e,--env", flags.env, "NAME=VALUE, or NAME from the environment")
      .checked(check_env)
      .option("-h,--hostname", flags.hostname, "the container's host name")
      .flag("-i,--interactive", flags.interactive, "give it standard input")
      .option("--network", flags.network, "host (default) or none")
      .option("--platform", flags.platform, "of an image for several: os/architecture[/variant]")
      .flag("--read-only", flags.read_only, "nothing in the root file system can be changed")
      .flag("--rm", flags.remove, "accepted: containers are not kept")
      .option("--runtime", flags.runtime, "the OCI runtime")
      .flag("-t,--tty", flags.terminal, "give it a terminal")
      .option("-u,--user", flags.user, "NAME or UID, with :GROUP if need be")
      .list("-v,--volume", flags.volumes, "HOST:CONTAINER[:ro]")
      .option("-w,--workdir", flags.workdir, "the working directory")
      .arguments(1, FlagSet::kAnyNumber)
      .arguments_end_flags();
  return set;
}

std::vector<std::string> command_of(const oci::RunConfig& config, const RunFlags& flags,
                                    std::vector<std::string> words) {
  std::vector<std::string> argv;
  if (!flags.entrypoint.empty()) {
    argv = {flags.entrypoint};
  } else {
    argv = config.entrypoint.value_or(std::vector<std::string>());
    // The image's command goes with the image's entry point.
    if (words.empty()) words = config.command.value_or(std::vector<std::string>());
  }
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

std::vector<std::string> environment_of(const oci::RunConfig& config, const RunFlags& flags,
                                        const std::string& home, const std::string& hostname) {
  std::vector<std::string> env;
  oci::set_env(env, "PATH", oci::kDefaultPath);
  oci::set_env(env, "HOSTNAME", hostname);
  if (flags.terminal) oci::set_env(env, "TERM", "xterm");
  oci::set_env(env, "HOME", home);
  for (const auto& pair : config.env) {
    const auto [name, value] = split_once(pair, '=');
    oci::set_env(env, name, value.value_or(""));
  }
  for (const auto& pair : flags.env) {
    const auto [name, value] = split_once(pair, '=');
    if (value) {
      oci::set_env(env, name, *value);
    } else if (const auto ours = os::environment(std::string(name))) {
      oci::set_env(env, name, *ours);
    }
  }
  return env;
}

Result<int> run_container(const Session& session, const RunFlags& flags,
                          std::vector<std::string> arguments) {
  executor::ExecSpec spec;
  for (const auto& text : flags.volumes) {
    executor::BindMount mount = TRY(parse_volume(text, MissingSource::create));
    spec.mounts.emplace_back(std::move(mount));
  }
  if (flags.network == "none") {
    spec.network = executor::Network::none;
  } else if (flags.network != "host" && flags.network != "default") {
    return invalid_input("network mode \"" + flags.network +
                         "\" is not supported: use host or none");
  }
  const auto platform = TRY(parse_platform(platform_or_default(flags.platform)));
  store::Store store = TRY(session.open_store(Access::layers));
  const auto signals = TRY(os::ProxiedSignals::create(
      flags.terminal ? os::WindowSizeSignal::left : os::WindowSizeSignal::proxied));
  const std::string name = arguments.front();
  arguments.erase(arguments.begin());
  const auto named = TRY(store.images().find(name));
  if (!named) {
    TRY(oci::Reference::parse(name));
    return not_found("unable to find image '" + name + "' locally")
        .with_hint("kiln images lists what is there; kiln import and kiln load bring images in");
  }
  const store::Image image = TRY(get_image(store, name, platform));
  const oci::ImageConfig config = TRY(store.images().config(image));
  if (oci::is_foreign(config.platform, host_platform()))
    spec.architecture = config.platform.architecture;
  spec.argv = command_of(config.config, flags, std::move(arguments));
  if (spec.argv.empty()) return invalid_input("no command specified");
  TRY(store.layers().get_all(config.diff_ids));
  const snapshot::LayerView view = TRY(snapshot::LayerView::open(store.layers(), config.diff_ids));
  const auto passwd = TRY(view.read_text("/etc/passwd"));
  const auto group = TRY(view.read_text("/etc/group"));
  const executor::ExecUser user =
      TRY(executor::resolve_user(flags.user.empty() ? config.config.user : flags.user,
                                 passwd.value_or(""), group.value_or("")));
  spec.uid = user.uid;
  spec.gid = user.gid;
  spec.additional_gids = user.additional_gids;
  spec.hostname = flags.hostname.empty() ? os::random_id().substr(0, 12) : flags.hostname;
  spec.env = environment_of(config.config, flags, user.home, spec.hostname);
  spec.cwd = flags.workdir.empty() ? config.config.working_dir : flags.workdir;
  if (spec.cwd.empty()) spec.cwd = "/";
  if (!spec.cwd.starts_with('/'))
    return invalid_input("the working directory '" + spec.cwd +
                         "' is invalid, it needs to be an absolute path");
  spec.network_files = executor::NetworkFiles::container;
  spec.read_only_rootfs = flags.read_only;
  spec.terminal = flags.terminal;

  const store::LayerIngest ingest = TRY(store.layers().create());
  const os::Mount mount = TRY(
      snapshot::mount_layers(store.layers(), config.diff_ids, ingest.fs_path(), ingest.work_path(),
                             ingest.mount_path(), ingest.scratch_path() + "/empty"));
  spec.rootfs = ingest.mount_path();
  executor::ExecIo io;
  if (flags.interactive) io.input = TRY(os::standard_input());
  if (flags.terminal) io.terminal = TRY(os::standard_input());
  const os::Fd out = TRY(os::standard_output());
  const os::Fd err = TRY(os::standard_error());
  io.signals = signals.get();
  // Whoever reads may go before the container does, which then can't learn of it by itself.
  std::stop_source unread;
  std::optional<Error> output_failure;
  io.output = [&](executor::OutputStream stream, std::string_view bytes) {
    if (output_failure) return;
    const bool to_out = stream == executor::OutputStream::out;
    auto written =
        os::write_all(to_out ? out : err, bytes, to_out ? "standard output" : "standard error");
    if (written) return;
    output_failure = std::move(written).error();
    unread.request_stop();
  };
  executor::OciExecutor executor(
      {store.workspace().path() + "/executor", flags.runtime, {}, store.paths().executor_cache()});
  const auto status = executor.run(spec, io, unread.get_token());
  if (output_failure) {
    print_error("kiln: " + output_failure->message());
    return 1;
  }
  if (!status) return Error(status.error());
  return status->code;
}

}  // namespace

Result<int> run_command(const Session& session, std::vector<std::string> words) {
  RunFlags flags;
  FlagSet set = run_flags(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (flags.terminal && flags.interactive) {
    const os::Fd input = TRY(os::standard_input());
    if (!os::is_terminal(input)) return invalid_input("the input device is not a TTY");
  }
  auto code = run_container(session, flags, parsed.arguments);
  if (code) return code;
  if (code.error().kind() == ErrorKind::step_failed) return code;
  // What the runtime says of a missing program has a code of its own.
  const int own = code.error().exit_code();
  return std::move(code).error().with_exit_code(own > 1 ? own : kRunFailed);
}

}  // namespace kiln::cli
