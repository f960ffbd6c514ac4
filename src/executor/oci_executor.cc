// SPDX-License-Identifier: Apache-2.0
#include "executor/oci_executor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "executor/output_gate.h"
#include "executor/runtime_error.h"
#include "executor/seccomp.h"
#include "executor/seccomp_filter.h"
#include "executor/signal_proxy.h"
#include "executor/standard_devices.h"
#include "executor/volume_owner.h"
#include "os/cgroup.h"
#include "os/dir.h"
#include "os/fd_receiver.h"
#include "os/kernel.h"
#include "os/mount.h"
#include "os/mount_points.h"
#include "os/relay.h"
#include "os/system.h"
#include "os/terminal.h"

namespace kiln::executor {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// From SIGTERM to SIGKILL.
constexpr milliseconds kGrace{500};
constexpr milliseconds kStartCheck{2};
constexpr int kTerminate = 15;
constexpr int kKill = 9;
constexpr int kFirstEntrance = 3;
constexpr std::uint32_t kTtyGroup = 5;
constexpr const char* kCgroups = "/sys/fs/cgroup";
constexpr const char* kConsoleSocket = "console.sock";
constexpr std::size_t kMostLog = std::size_t{1} << 20;

bool is_below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

/// Makes the missing mount points in the root file system. One below another mount is not looked
/// for: it appears in, or belongs to, what is mounted there.
Result<void> ensure_mount_points(os::MountPoints& points, const std::string& rootfs,
                                 const std::vector<RuntimeMount>& mounts) {
  const os::Dir root = TRY(os::Dir::open(rootfs));
  for (const RuntimeMount& mount : mounts) {
    const bool covered = std::any_of(mounts.begin(), mounts.end(), [&](const RuntimeMount& other) {
      return is_below(mount.destination, other.destination);
    });
    if (covered) continue;
    TRY(points.ensure(
        root, mount.destination,
        mount.point == RuntimeMount::Point::file ? os::MountPoints::Kind::file
                                                 : os::MountPoints::Kind::directory,
        mount.leaves_mount_point ? os::MountPoints::Keep::yes : os::MountPoints::Keep::no));
  }
  return {};
}

/// Relays until the runtime has ended. When `stop` says so, asks it to end, and then makes it; true
/// if it did. An impatient user ends it at once.
Result<bool> relay_until_end(os::Relay& relay, const os::Process& process, OutputGate& gate,
                             SignalProxy& signals, const std::stop_token& stop) {
  signals.watch(relay);
  std::unique_ptr<os::StopEvent> event;
  if (stop.stop_possible()) {
    event = TRY(os::StopEvent::create(stop));
    relay.add_watch(event->fd(), [&] {
      event->clear();
      relay.interrupt();
    });
  }
  bool asked = false;
  std::optional<steady_clock::time_point> kill_at;
  for (;;) {
    auto wake = kill_at;
    if (gate.waits_for_start() || signals.waits_for_start()) {
      const auto soon = steady_clock::now() + kStartCheck;
      wake = wake ? std::min(*wake, soon) : soon;
    }
    const bool ended = TRY(relay.run_until_end(process, wake));
    if (ended) return asked;
    gate.check_start();
    signals.deliver();
    if (signals.is_impatient()) TRY(process.kill(kKill));
    if (!asked && stop.stop_requested()) {
      TRY(process.kill(kTerminate));
      asked = true;
      kill_at = steady_clock::now() + kGrace;
    }
    if (kill_at && steady_clock::now() >= *kill_at) {
      TRY(process.kill(kKill));
      kill_at.reset();
    }
  }
}

Error forced_to_end() {
  return {ErrorKind::step_failed, "got 3 SIGTERM/SIGINTs, forcefully exiting"};
}

}  // namespace

/// One run: its bundle folder, and the runtime's process in it.
class OciExecutor::Container {
 public:
  /// `user_namespace`: where the runtime runs; nullptr: in ours.
  Container(const OciExecutorOptions& options, const Machine& machine, const ExecSpec& spec,
            const os::Fd* user_namespace)
      : machine_(machine),
        spec_(spec),
        runtime_flags_(options.runtime_flags),
        user_namespace_(user_namespace),
        id_("kiln-" + os::random_id()),
        bundle_(options.work_dir + "/" + id_),
        // The runtime keeps a copy of the configuration in its state.
        state_(spec.secret_env.empty() ? options.work_dir + "/state" : bundle_ + "/state") {}
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container() {
    overlays_.clear();
    memory_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(bundle_, ignored);
    std::filesystem::remove_all(state_ + "/" + id_, ignored);  // of a killed runtime
  }

  Result<os::ExitStatus> run(ExecIo& io, const std::stop_token& stop) {
    os::MountPoints mount_points;
    const auto mounts = TRY(write_bundle(io.terminal));
    TRY(ensure_mount_points(mount_points, spec_.rootfs, mounts));
    if (spec_.resources.any()) TRY(make_cgroup());
    auto status = run_runtime(io, stop);
    auto removed = mount_points.remove();
    if (!status) return status;
    TRY(std::move(removed));
    return status;
  }

 private:
  /// Ours, not the runtime's: crun knows no machine with controllers in both versions.
  Result<void> make_cgroup() {
    const Resources& wanted = spec_.resources;
    os::CgroupLimits limits{wanted.memory,      wanted.memory_swap, wanted.cpu_shares,
                            wanted.cpu_period,  wanted.cpu_quota,   wanted.cpus,
                            wanted.memory_nodes};
    auto made = os::Cgroup::create(limits, wanted.cgroup_parent, id_);
    if (!made)
      return std::move(made)
          .error()
          .context("the limits that were asked for can't be had")
          .with_hint(
              "limits need control groups that this user may write to; without --memory, "
              "--cpu-*, --cpuset-* and --cgroup-parent nothing is limited");
    cgroup_.emplace(*std::move(made));
    return {};
  }

  /// The shell enters the group and becomes the runtime, before there is any process of the
  /// container that would be left outside.
  Result<void> enter_cgroup(os::SpawnOptions& options) const {
    if (!cgroup_) return {};
    std::string script, closing;
    int number = kFirstEntrance;
    for (const os::Fd& entrance : cgroup_->entrances()) {
      os::Fd copy = TRY(entrance.duplicate());
      options.extra_fds.push_back({std::move(copy), number});
      script += "echo 0 >&" + std::to_string(number) + " && ";
      closing += " " + std::to_string(number++) + ">&-";
    }
    std::vector<std::string> argv = {"/bin/sh", "-c", script + "exec \"$@\"" + closing, "sh"};
    argv.insert(argv.end(), options.argv.begin(), options.argv.end());
    options.argv = std::move(argv);
    return {};
  }

  Result<std::vector<RuntimeMount>> write_bundle(const os::Fd& terminal) {
    TRY(os::ensure_directory(bundle_, 0700));
    if (!spec_.secret_env.empty()) {
      memory_ = TRY(os::Mount::memory(bundle_, 0700));
      TRY(os::ensure_directory(state_, 0700));
    }
    HostFiles files{.hosts = bundle_ + "/hosts",
                    .resolv_conf = machine_.resolv_conf,
                    .hostname = {},
                    .devices = {}};
    TRY(os::write_file_atomically(files.hosts, hosts_file(spec_)));
    if (spec_.network_files == NetworkFiles::container) {
      files.hostname = bundle_ + "/hostname";
      TRY(os::write_file_atomically(files.hostname, spec_.hostname + "\n"));
    }
    if (files.resolv_conf.empty() || spec_.network_files == NetworkFiles::container) {
      // A copy: a container may write to it.
      std::string text;
      if (!files.resolv_conf.empty()) text = TRY(os::read_file(files.resolv_conf));
      files.resolv_conf = bundle_ + "/resolv.conf";
      TRY(os::write_file_atomically(files.resolv_conf, text));
    }
    RuntimeHost host = machine_.host;
    if (user_namespace_ != nullptr) host.in_user_namespace = true;
    if (mounts_devices(spec_, host)) files.devices = TRY(make_standard_devices(bundle_ + "/dev"));
    RuntimeConfig config{.host = host,
                         .mounts = {},
                         .seccomp = machine_.seccomp,
                         .seccomp_filter = machine_.seccomp_filter,
                         .terminal_size = {}};
    ExecSpec spec = spec_;
    TRY(prepare_volumes(spec));
    config.mounts = TRY(runtime_mounts(spec, host, files));
    // Standard input may be no terminal; then there is no size to follow.
    if (spec_.terminal && terminal) {
      const auto size = os::terminal_size(terminal);
      if (size) config.terminal_size = *size;
    }
    TRY(os::write_file_atomically(bundle_ + "/config.json", to_config_json(spec_, config)));
    return config.mounts;
  }

  Result<void> prepare_volumes(ExecSpec& spec) {
    for (Mount& mount : spec.mounts) {
      auto* bind = std::get_if<BindMount>(&mount);
      if (bind == nullptr) continue;
      if (bind->discards_writes) bind->source = TRY(divert_writes(*bind));
      if (bind->given_to_user) TRY(give_to_user(bind->source, spec.uid, spec.gid));
    }
    return {};
  }

  /// A folder with a layer of this run's own above what is to be mounted.
  Result<std::string> divert_writes(const BindMount& bind) {
    const std::string folder = bundle_ + "/overlay" + std::to_string(overlays_.size());
    for (const char* part : {"/upper", "/work", "/merged"})
      TRY(os::ensure_directory(folder + part));
    const os::Dir lower = TRY(os::Dir::open(bind.source));
    const os::Dir upper = TRY(os::Dir::open(folder + "/upper"));
    const os::Dir work = TRY(os::Dir::open(folder + "/work"));
    const os::FileInfo info = TRY(lower.stat("."));
    TRY(upper.set_owner(".", info.uid, info.gid));
    TRY(upper.set_mode(".", info.permissions));
    os::Mount merged = TRY(os::Mount::overlay({&lower}, &upper, &work, folder + "/merged"));
    overlays_.push_back(std::move(merged));
    return folder + "/merged";
  }

  std::vector<std::string> runtime_arguments() const {
    std::vector<std::string> arguments = {machine_.runtime, "--root",       state_, "--log",
                                          log_file(),       "--log-format", "json"};
    if (machine_.is_crun) arguments.emplace_back("--cgroup-manager=disabled");
    for (const auto& flag : runtime_flags_)
      arguments.push_back((flag.starts_with("-") ? "" : "--") + flag);
    return arguments;
  }

  Result<os::ExitStatus> run_runtime(ExecIo& io, const std::stop_token& stop) {
    os::SpawnOptions options;
    options.argv = runtime_arguments();
    options.argv.insert(options.argv.end(), {"run", "--bundle", bundle_});
    if (spec_.terminal)
      options.argv.insert(options.argv.end(), {"--console-socket", kConsoleSocket});
    options.argv.push_back(id_);
    // Nothing else: NOTIFY_SOCKET, LISTEN_FDS and others would change what the runtime does.
    options.env = {"PATH=" + os::environment("PATH").value_or("/usr/sbin:/usr/bin:/sbin:/bin")};
    options.die_with_parent = true;
    options.pid_namespace = os::PidNamespace::own;
    // Otherwise crun, so that no container can overwrite it through /proc, makes a read-only mount
    // of itself and starts once more from there: a sixth of its time.
    if (machine_.is_crun) options.mounts = os::read_only_file(machine_.runtime);
    options.user_namespace = user_namespace_;
    if (user_namespace_ != nullptr && !machine_.host.in_user_namespace)
      protect_standard_devices(options);
    if (machine_.hide_cgroups) options.mounts.push_back(os::empty_read_only_tmpfs(kCgroups));

    TRY(enter_cgroup(options));
    if (spec_.terminal) return run_on_terminal(std::move(options), io, stop);

    os::Pipe out = TRY(os::create_pipe());
    os::Pipe err = TRY(os::create_pipe());
    options.in = io.input ? os::Stdio::of(std::move(io.input)) : os::Stdio::null();
    options.out = os::Stdio::of(std::move(out.write_end));
    options.err = os::Stdio::of(std::move(err.write_end));
    os::Process process = TRY(os::Process::spawn(std::move(options)));

    OutputGate gate(io, status_file());
    SignalProxy signals(io.signals, process, [this] { return has_started(); });
    os::Relay relay;
    TRY(relay.add_source(std::move(out.read_end),
                         [&](std::string_view bytes) { gate.write(OutputStream::out, bytes); }));
    TRY(relay.add_source(std::move(err.read_end), [&](std::string_view bytes) {
      gate.write(OutputStream::err, bytes);
      if (gate.waits_for_start()) relay.interrupt();
    }));
    const bool stopped = TRY(relay_until_end(relay, process, gate, signals, stop));
    auto status = conclude(process, stopped, signals, gate.held());
    if (!status) gate.drop();
    gate.release();
    return status;
  }

  /// The runtime makes the terminal inside the container and passes us its master side; its own
  /// way of serving a terminal doesn't follow changes of size.
  Result<os::ExitStatus> run_on_terminal(os::SpawnOptions options, ExecIo& io,
                                         const std::stop_token& stop) {
    const os::FdReceiver receiver = TRY(os::FdReceiver::create(bundle_, kConsoleSocket));
    std::optional<os::SavedTerminal> saved;
    if (os::is_terminal(io.input)) {
      os::SavedTerminal terminal = TRY(os::SavedTerminal::save(io.input));
      saved.emplace(std::move(terminal));
      TRY(saved->make_raw());
    }
    std::unique_ptr<os::WindowChanges> window;
    if (io.terminal) window = TRY(os::WindowChanges::watch());

    os::Pipe messages = TRY(os::create_pipe());  // the runtime's own, which its log has too
    options.cwd = bundle_;                       // the socket's path has to be short
    options.in = os::Stdio::null();
    options.out = os::Stdio::null();
    options.err = os::Stdio::of(std::move(messages.write_end));
    os::Process process = TRY(os::Process::spawn(std::move(options)));

    os::Relay relay;
    os::Fd master;
    Result<void> connected;
    const auto follow_size = [&] {
      const auto size = os::terminal_size(io.terminal);
      if (master && size) (void)os::set_terminal_size(master, *size);
    };
    TRY(relay.add_source(std::move(messages.read_end), [](std::string_view) {}));
    relay.add_watch(receiver.fd(), [&] {
      connected = serve_terminal(relay, receiver, io, master);
      // A runtime that hung up is failing by itself and says why; any other would wait for us.
      const bool hung_up = !connected && connected.error().kind() == ErrorKind::corrupt;
      if (!connected && !hung_up) (void)process.kill(kKill);
      if (io.terminal) follow_size();
    });
    if (window) {
      relay.add_watch(window->fd(), [&] {
        window->clear();
        follow_size();
      });
    }
    OutputGate gate(io, std::string());
    SignalProxy signals(io.signals, process, [this] { return has_started(); });
    const bool stopped = TRY(relay_until_end(relay, process, gate, signals, stop));
    auto status = conclude(process, stopped, signals, {});
    if (status && !connected) return std::move(connected).error();
    return status;
  }

  static Result<void> serve_terminal(os::Relay& relay, const os::FdReceiver& receiver,
                                     const ExecIo& io, os::Fd& master) {
    master = TRY(receiver.receive());
    os::Fd output = TRY(master.duplicate());
    TRY(relay.add_source(std::move(output), [&io](std::string_view bytes) {
      if (io.output) io.output(OutputStream::out, bytes);
    }));
    if (io.input) TRY(relay.add_input(io.input, master));
    return {};
  }

  Result<os::ExitStatus> conclude(os::Process& process, bool stopped, const SignalProxy& signals,
                                  std::string_view late_message) {
    const os::ExitStatus status = TRY(process.wait());
    // Without a pid namespace around it, a killed runtime leaves its container behind.
    if (status.signal != 0 && !process.has_own_pid_namespace()) delete_container();
    if (stopped) return cancelled();
    if (status.signal == kKill && signals.is_impatient()) return forced_to_end();
    if (status.success()) return status;
    if (status.signal != 0) {
      return Error(ErrorKind::system,
                   machine_.runtime + " was killed by signal " + std::to_string(status.signal));
    }
    const auto log = os::read_file(log_file(), kMostLog);
    auto message = last_error_in_log(log ? *log : std::string());
    if (!message) message = last_error_in_log(late_message);
    if (message) return runtime_failure(machine_.runtime, *message, spec_.argv.front());
    return status;  // the process's own, 128 + signal for one that a signal ended
  }

  void delete_container() const {
    std::vector<std::string> arguments = runtime_arguments();
    arguments.insert(arguments.end(), {"delete", "--force", id_});
    (void)os::run_capture(std::move(arguments), std::chrono::seconds(5));
  }

  std::string log_file() const { return bundle_ + "/log"; }
  /// Where crun writes the container's status, at about the time when the program begins; empty for
  /// other runtimes.
  std::string status_file() const {
    return machine_.is_crun ? state_ + "/" + id_ + "/status" : std::string();
  }
  bool has_started() const {
    const std::string file = status_file();
    return file.empty() || os::path_exists(file);
  }

  const Machine& machine_;
  const ExecSpec& spec_;
  const std::vector<std::string>& runtime_flags_;
  const os::Fd* user_namespace_;
  std::string id_;
  std::string bundle_;
  std::string state_;
  std::optional<os::Cgroup> cgroup_;
  os::Mount memory_;  ///< at bundle_, of a run with secrets
  std::vector<os::Mount> overlays_;
};

Result<os::ExitStatus> OciExecutor::run(const ExecSpec& spec, ExecIo& io, std::stop_token stop) {
  if (stop.stop_requested()) return cancelled();
  if (spec.argv.empty()) return invalid_input("no command specified");
  if (spec.argv.front().empty()) {
    return runtime_failure(options_.runtime, "executable file `` not found in $PATH",
                           spec.argv.front());
  }
  const Machine* found = TRY(machine());
  const os::Fd* user_namespace = TRY(namespace_for(spec.architecture));
  Container container(options_, *found, spec, user_namespace);
  return container.run(io, stop);
}

Result<const os::Fd*> OciExecutor::namespace_for(const std::string& architecture) {
  if (architecture.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  if (!emulation_) {
    Emulation made = TRY(Emulation::create(architecture));
    emulation_.emplace(std::move(made));
  }
  TRY(emulation_->check(architecture));
  return emulation_->user_namespace();
}

Result<const OciExecutor::Machine*> OciExecutor::machine() {
  const std::lock_guard lock(mutex_);
  if (!machine_) {
    TRY(os::ensure_directory(options_.work_dir + "/state", 0700));
    machine_ = TRY(inspect_machine());
  }
  return &*machine_;
}

Result<OciExecutor::Machine> OciExecutor::inspect_machine() const {
  Machine machine;
  auto runtime = os::find_program(options_.runtime);
  if (!runtime) {
    return Error(ErrorKind::unsupported,
                 "OCI runtime \"" + options_.runtime + "\" is not installed")
        .with_hint("install the package crun, or name another runtime with --runtime");
  }
  machine.runtime = *std::move(runtime);
  machine.is_crun = std::filesystem::path(machine.runtime).filename().string().starts_with("crun");
  machine.host.limits_devices = !machine.is_crun;
  machine.host.in_user_namespace = os::in_user_namespace();
  machine.host.pure_cgroup_v2 = os::has_pure_cgroup_v2();
  machine.host.maps_tty_group = os::is_gid_mapped(kTtyGroup);
  machine.host.processors = os::processor_count();
  machine.host.capabilities = os::effective_capabilities();
  // crun refuses a machine with controllers in both cgroup versions, though it isn't to use any.
  machine.hide_cgroups =
      machine.is_crun && !machine.host.pure_cgroup_v2 && os::path_exists(kCgroups);

  // Docker's default, built in. Not what the machine's packages install: that is podman's, which
  // lets more through, and a step's result must not depend on which packages there are.
  const std::string& profile = options_.seccomp_profile;
  std::string profile_text;
  if (profile.empty()) {
    profile_text = builtin_seccomp_profile();
  } else {
    profile_text = TRY(os::read_file(profile));
  }
  const os::KernelVersion kernel = os::kernel_version();
  machine.seccomp = TRY(resolve_seccomp(profile_text, {.architecture = os::go_architecture(),
                                                       .capabilities = default_capabilities(),
                                                       .kernel_major = kernel.major,
                                                       .kernel_minor = kernel.minor})
                            .context(profile.empty() ? "built-in profile" : profile));
  if (machine.is_crun) {
    const std::string& folder = options_.cache_dir.empty() ? options_.work_dir : options_.cache_dir;
    machine.seccomp_filter = TRY(cached_seccomp_filter(machine.seccomp, folder));
  }
  if (os::path_exists("/etc/resolv.conf")) {
    auto path = os::canonical_path("/etc/resolv.conf");
    if (path) machine.resolv_conf = *std::move(path);
  }
  return machine;
}

}  // namespace kiln::executor
