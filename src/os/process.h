// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// How a process ended: by exit(`code`), or by `signal`.
struct ExitStatus {
  int code = 0;
  int signal = 0;  ///< 0 if it was no signal

  bool success() const { return code == 0 && signal == 0; }
  /// One number as shells give it: the code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
  auto operator<=>(const ExitStatus&) const = default;
};

/// What a child gets as one of its standard streams.
class Stdio {
 public:
  enum class Kind { inherit, null, descriptor };
  static Stdio inherit() { return Stdio(Kind::inherit, Fd()); }
  static Stdio null() { return Stdio(Kind::null, Fd()); }
  static Stdio of(Fd fd) { return Stdio(Kind::descriptor, std::move(fd)); }

  Kind kind() const { return kind_; }
  const Fd& fd() const { return fd_; }

 private:
  Stdio(Kind kind, Fd fd) : kind_(kind), fd_(std::move(fd)) {}
  Kind kind_;
  Fd fd_;
};

/// A descriptor that the child has open as `number`, 3 or more.
struct ExtraFd {
  Fd fd;
  int number;
};

/// A mount(2) that the child makes in a mount namespace of its own before it runs its program.
struct ChildMount {
  std::string source;
  std::string target;
  std::string type;
  unsigned long flags = 0;
  std::string data = {};
  bool required = true;  ///< otherwise it is gone without if the kernel refuses it
};

/// Hides what is at `target` under an empty folder.
ChildMount empty_read_only_tmpfs(std::string target);
/// Makes the file at `path` unchangeable through that path, as far as the kernel lets us.
std::vector<ChildMount> read_only_file(const std::string& path);

/// `own`: the child is pid 1 of a namespace of its own with a /proc that shows it, so that the
/// kernel ends everything below when the child ends. Where the machine refuses it, the child shares
/// ours; Process::has_own_pid_namespace() tells.
enum class PidNamespace { shared, own };

struct SpawnOptions {
  /// argv[0] without a slash is looked up in this process's PATH.
  std::vector<std::string> argv;
  /// `NAME=VALUE`; nullopt: this process's environment.
  std::optional<std::vector<std::string>> env;
  /// Empty: this process's.
  std::string cwd;
  /// nullopt: this process's, which is 0 in kiln.
  std::optional<unsigned> umask;
  Stdio in = Stdio::inherit();
  Stdio out = Stdio::inherit();
  Stdio err = Stdio::inherit();
  std::vector<ExtraFd> extra_fds;
  bool new_session = false;
  /// The new session's controlling terminal is the child's standard input.
  bool controlling_terminal = false;
  /// SIGKILL for the child when the *thread* that spawned it ends.
  bool die_with_parent = false;
  PidNamespace pid_namespace = PidNamespace::shared;
  /// Not empty: the child gets a mount namespace of its own.
  std::vector<ChildMount> mounts;
  /// The child joins this user namespace, and has a mount namespace of it. Borrowed.
  const Fd* user_namespace = nullptr;
};

/// A child process, held by a pidfd. It is killed and reaped when this goes.
class Process {
 public:
  /// Starts a program. What fails up to and including execve is an Error here, with the step that
  /// failed; kind not_found if the program is not there. The child starts with default signal
  /// handlers, an empty signal mask and no descriptor that wasn't asked for, unless it was opened
  /// without O_CLOEXEC. May be called from any thread; takes the options' descriptors.
  static Result<Process> spawn(SpawnOptions options);

  Process(Process&&) noexcept = default;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  int pid() const { return pid_; }
  /// Readable (poll) once the process has ended.
  const Fd& pidfd() const { return pidfd_; }
  bool has_own_pid_namespace() const { return has_own_pid_namespace_; }

  /// Waits for the end and reaps; may be repeated.
  Result<ExitStatus> wait();
  /// nullopt if it still runs after `timeout`.
  Result<std::optional<ExitStatus>> wait_for(std::chrono::milliseconds timeout);
  /// Sends a signal; fine if the process has ended.
  Result<void> kill(int signal) const;
  /// Lets the child go on by itself, also after this process: it is neither killed nor reaped.
  void detach();

 private:
  Process() = default;
  void finish();

  int pid_ = -1;
  Fd pidfd_;
  bool has_own_pid_namespace_ = false;
  std::optional<ExitStatus> status_;
};

/// The path of the executable file `name`, looked up in PATH if it has no slash.
std::optional<std::string> find_program(std::string_view name);

struct Captured {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a program, with /dev/null as input unless it is given one, and returns what it wrote. It is
/// killed, and the result is an Error, when it runs for longer than `deadline` or writes more than
/// 64 MiB to a stream.
Result<Captured> run_capture(SpawnOptions options, std::chrono::milliseconds deadline);
Result<Captured> run_capture(std::vector<std::string> argv, std::chrono::milliseconds deadline);

}  // namespace kiln::os
