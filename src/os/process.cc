// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/strings.h"
#include "os/relay.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace kiln::os {
namespace {

struct FdMove {
  int source;
  int target;
  int aside = -1;
};

/// All that the child looks at between clone and execve. It shares the parent's memory there (as
/// posix_spawn's does), so it allocates nothing and says here what failed.
struct ChildPlan {
  const char* program = nullptr;
  char** argv = nullptr;
  char** envp = nullptr;
  const char* cwd = nullptr;
  std::vector<FdMove> moves;
  int first_free_fd = 3;
  int parent_pidfd = -1;
  int user_namespace = -1;
  bool new_session = false;
  bool controlling_terminal = false;
  bool own_mounts = false;
  bool mount_proc = false;
  std::optional<unsigned> umask;
  const std::vector<ChildMount>* mounts = nullptr;
  sigset_t no_signals{};

  int error_number = 0;
  const char* failed_step = nullptr;
  const char* failed_operand = "";
};

constexpr const char* kMountProc = "mount proc on";
constexpr std::size_t kChildStackSize = std::size_t{128} << 10;

bool fail(ChildPlan& plan, const char* step, const char* operand = "") {
  plan.error_number = errno;
  plan.failed_step = step;
  plan.failed_operand = operand;
  return false;
}

void reset_signal_handlers() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
}

bool tie_to_parent(ChildPlan& plan) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(plan, "set the parent-death signal");
  // The parent may have been killed before the prctl. getppid() is 0 in a new pid namespace either
  // way, so the parent's pidfd is asked.
  pollfd parent{.fd = plan.parent_pidfd, .events = POLLIN, .revents = 0};
  if (::poll(&parent, 1, 0) == 1) ::_exit(127);
  return true;
}

bool make_mounts(ChildPlan& plan) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return fail(plan, "keep mounts private");
  if (plan.mount_proc &&
      ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return fail(plan, kMountProc, "/proc");
  for (const ChildMount& mount : *plan.mounts) {
    const char* data = mount.data.empty() ? nullptr : mount.data.c_str();
    if (::mount(mount.source.c_str(), mount.target.c_str(), mount.type.c_str(), mount.flags,
                data) != 0 &&
        mount.required)
      return fail(plan, "mount on", mount.target.c_str());
  }
  return true;
}

/// After the mounts, which the namespace's root could not all make.
bool join_user_namespace(ChildPlan& plan) {
  if (::setns(plan.user_namespace, CLONE_NEWUSER) != 0) return fail(plan, "join a user namespace");
  if (::unshare(CLONE_NEWNS) != 0) return fail(plan, "create a mount namespace");
  return true;
}

bool place_descriptors(ChildPlan& plan) {
  // First out of the way of all targets, then into place: a source may be another one's target.
  for (FdMove& move : plan.moves) {
    move.aside = ::fcntl(move.source, F_DUPFD_CLOEXEC, plan.first_free_fd);
    if (move.aside < 0) return fail(plan, "duplicate a file descriptor");
  }
  for (const FdMove& move : plan.moves)
    if (::dup2(move.aside, move.target) < 0) return fail(plan, "place a file descriptor");
  return true;
}

bool set_up_child(ChildPlan& plan) {
  reset_signal_handlers();
  if (plan.parent_pidfd >= 0 && !tie_to_parent(plan)) return false;
  if (plan.new_session && ::setsid() < 0) return fail(plan, "create a session");
  if (plan.own_mounts && !make_mounts(plan)) return false;
  if (plan.user_namespace >= 0 && !join_user_namespace(plan)) return false;
  if (!place_descriptors(plan)) return false;
  if (plan.controlling_terminal && ::ioctl(0, TIOCSCTTY, 0) != 0)
    return fail(plan, "take the controlling terminal");
  if (plan.cwd != nullptr && ::chdir(plan.cwd) != 0)
    return fail(plan, "change to folder", plan.cwd);
  if (plan.umask) ::umask(*plan.umask);
  return true;
}

int run_child(void* argument) {
  ChildPlan& plan = *static_cast<ChildPlan*>(argument);
  if (set_up_child(plan)) {
    ::sigprocmask(SIG_SETMASK, &plan.no_signals, nullptr);
    ::execve(plan.program, plan.argv, plan.envp);
    fail(plan, "run", plan.program);
  }
  return 127;
}

std::vector<char*> as_c_array(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// The child's stack, for as long as it shares our memory.
class ChildStack {
 public:
  ChildStack()
      : base_(::mmap(nullptr, kChildStackSize, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
#ifdef __SANITIZE_ADDRESS__
    // A child that executed a program left its frames' marks in the shadow of this address.
    if (valid()) ASAN_UNPOISON_MEMORY_REGION(base_, kChildStackSize);
#endif
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  ~ChildStack() {
    if (valid()) ::munmap(base_, kChildStackSize);
  }
  bool valid() const { return base_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(base_) + kChildStackSize; }

 private:
  void* base_;
};

/// Blocks all signals of this thread, so that none of our handlers runs in the child.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

struct Child {
  int pid = -1;
  Fd pidfd;
};

/// A clone in vfork's manner: this thread sleeps until the child has run its program or failed, and
/// no page table is copied however large the process is.
Result<Child> clone_child(ChildPlan& plan, int namespaces) {
  const ChildStack stack;
  if (!stack.valid()) return system_error(errno, "allocate a stack");
  plan.error_number = 0;
  int pidfd = -1;
  int pid = -1;
  int error_number = 0;
  {
    const BlockedSignals blocked;
    pid = ::clone(run_child, stack.top(),
                  CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | namespaces, &plan, &pidfd);
    error_number = errno;
  }
  if (pid < 0) return system_error(error_number, "create a process");
  return Child{pid, Fd(pidfd)};
}

Result<ExitStatus> reap(const Fd& pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return system_error(errno, "wait for a process");
  if (info.si_code == CLD_EXITED) return ExitStatus{.code = info.si_status, .signal = 0};
  return ExitStatus{.code = 0, .signal = info.si_status};
}

bool is_executable_file(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> require_program(const std::vector<std::string>& argv) {
  if (argv.empty() || argv.front().empty()) return invalid_input("no program to run was named");
  if (argv.front().find('/') != std::string::npos) return argv.front();
  auto found = find_program(argv.front());
  if (!found) return not_found("executable file \"" + argv.front() + "\" not found in $PATH");
  return *std::move(found);
}

Result<Fd> own_pidfd() {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!fd) return system_error(errno, "open a pidfd");
  return fd;
}

}  // namespace

ChildMount empty_read_only_tmpfs(std::string target) {
  return {.source = "tmpfs",
          .target = std::move(target),
          .type = "tmpfs",
          .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
          .data = "mode=755"};
}

std::vector<ChildMount> read_only_file(const std::string& path) {
  // In a user namespace, flags that the mount has already may not be dropped.
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return {};
  unsigned long flags = MS_RDONLY;
  for (const auto& [here, there] : std::array<std::pair<unsigned long, unsigned long>, 6>{{
           {ST_NOSUID, MS_NOSUID},
           {ST_NODEV, MS_NODEV},
           {ST_NOEXEC, MS_NOEXEC},
           {ST_NOATIME, MS_NOATIME},
           {ST_NODIRATIME, MS_NODIRATIME},
           {ST_RELATIME, MS_RELATIME},
       }})
    if ((info.f_flag & here) != 0) flags |= there;
  const auto mount = [&](unsigned long with) {
    return ChildMount{.source = path,
                      .target = path,
                      .type = "",
                      .flags = MS_BIND | with,
                      .data = {},
                      .required = false};
  };
  return {mount(0), mount(MS_REMOUNT | flags)};
}

Result<Process> Process::spawn(SpawnOptions options) {
  const std::string program = TRY(require_program(options.argv));
  std::vector<char*> argv = as_c_array(options.argv);
  std::vector<char*> envp;
  if (options.env) envp = as_c_array(*options.env);

  ChildPlan plan;
  plan.program = program.c_str();
  plan.argv = argv.data();
  plan.envp = options.env ? envp.data() : environ;
  plan.cwd = options.cwd.empty() ? nullptr : options.cwd.c_str();
  plan.umask = options.umask;
  plan.new_session = options.new_session;
  plan.controlling_terminal = options.controlling_terminal;
  plan.mounts = &options.mounts;
  if (options.user_namespace != nullptr) plan.user_namespace = options.user_namespace->get();
  ::sigemptyset(&plan.no_signals);

  Fd null;
  const std::array<const Stdio*, 3> streams{&options.in, &options.out, &options.err};
  for (int target = 0; target < 3; ++target) {
    const Stdio& stream = *streams[static_cast<std::size_t>(target)];
    if (stream.kind() == Stdio::Kind::inherit) continue;
    if (stream.kind() == Stdio::Kind::null && !null) null = TRY(open_file("/dev/null", O_RDWR));
    const int source = stream.kind() == Stdio::Kind::null ? null.get() : stream.fd().get();
    plan.moves.push_back({.source = source, .target = target});
  }
  for (const ExtraFd& extra : options.extra_fds) {
    CHECK(extra.number >= 3);
    plan.moves.push_back({.source = extra.fd.get(), .target = extra.number});
    plan.first_free_fd = std::max(plan.first_free_fd, extra.number + 1);
  }

  Fd parent;
  if (options.die_with_parent) {
    parent = TRY(own_pidfd());
    plan.parent_pidfd = parent.get();
  }

  bool own_pids = options.pid_namespace == PidNamespace::own;
  for (;;) {
    plan.mount_proc = own_pids;
    plan.own_mounts = own_pids || !options.mounts.empty();
    auto child =
        clone_child(plan, (own_pids ? CLONE_NEWPID : 0) | (plan.own_mounts ? CLONE_NEWNS : 0));
    if (!child) {
      if (own_pids && child.error().kind() == ErrorKind::permission) {
        own_pids = false;
        continue;
      }
      return std::move(child).error();
    }
    Process process;
    process.pid_ = child->pid;
    process.pidfd_ = std::move(child->pidfd);
    process.has_own_pid_namespace_ = own_pids;
    if (plan.error_number == 0) return process;
    TRY(process.wait());
    // A container's /proc with parts covered makes the kernel refuse a fresh one.
    if (plan.failed_step == kMountProc && plan.error_number == EPERM) {
      own_pids = false;
      continue;
    }
    return system_error(plan.error_number, plan.failed_step, plan.failed_operand);
  }
}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    finish();
    pid_ = other.pid_;
    pidfd_ = std::move(other.pidfd_);
    has_own_pid_namespace_ = other.has_own_pid_namespace_;
    status_ = other.status_;
  }
  return *this;
}

Process::~Process() { finish(); }

void Process::finish() {
  if (!pidfd_ || status_) return;
  (void)kill(SIGKILL);
  (void)wait();
}

void Process::detach() {
  pidfd_.reset();
  pid_ = -1;
}

Result<ExitStatus> Process::wait() {
  if (!status_) status_ = TRY(reap(pidfd_));
  return *status_;
}

Result<std::optional<ExitStatus>> Process::wait_for(std::chrono::milliseconds timeout) {
  if (!status_) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
      const int n = ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
      if (n == 1) break;
      if (n == 0) return std::optional<ExitStatus>();
      if (errno != EINTR) return system_error(errno, "wait for a process");
    }
  }
  const ExitStatus status = TRY(wait());
  return std::optional<ExitStatus>(status);
}

Result<void> Process::kill(int signal) const {
  if (status_) return {};
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0 && errno != ESRCH)
    return system_error(errno, "send a signal");
  return {};
}

std::optional<std::string> find_program(std::string_view name) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    if (!is_executable_file(path)) return std::nullopt;
    return path;
  }
  const char* path = std::getenv("PATH");  // NOLINT: nothing here changes the environment
  if (path == nullptr) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string_view folder : split(path, ':')) {
    std::string candidate(folder.empty() ? "." : folder);
    candidate.append("/").append(name);
    if (is_executable_file(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<Captured> run_capture(SpawnOptions options, std::chrono::milliseconds deadline) {
  constexpr std::size_t kLimit = std::size_t{64} << 20;
  const std::string name = options.argv.empty() ? "" : options.argv.front();
  Pipe out = TRY(create_pipe());
  Pipe err = TRY(create_pipe());
  if (options.in.kind() == Stdio::Kind::inherit) options.in = Stdio::null();
  options.out = Stdio::of(std::move(out.write_end));
  options.err = Stdio::of(std::move(err.write_end));
  Process process = TRY(Process::spawn(std::move(options)));

  Captured captured;
  bool overflow = false;
  const auto into = [&](std::string& text) {
    return [&](std::string_view bytes) {
      if (text.size() + bytes.size() > kLimit) {
        overflow = true;
        (void)process.kill(SIGKILL);
      } else {
        text.append(bytes);
      }
    };
  };
  Relay relay;
  TRY(relay.add_source(std::move(out.read_end), into(captured.out)));
  TRY(relay.add_source(std::move(err.read_end), into(captured.err)));
  const auto end = std::chrono::steady_clock::now() + deadline;
  const bool ended = TRY(relay.run_until_end(process, end));
  if (overflow) return invalid_input("the output of " + name + " is too large");
  if (!ended) {
    return Error(ErrorKind::system,
                 name + " did not end within " + std::to_string(deadline.count()) + " ms");
  }
  captured.status = TRY(process.wait());
  return captured;
}

Result<Captured> run_capture(std::vector<std::string> argv, std::chrono::milliseconds deadline) {
  SpawnOptions options;
  options.argv = std::move(argv);
  return run_capture(std::move(options), deadline);
}

}  // namespace kiln::os
