// SPDX-License-Identifier: Apache-2.0
#include "os/binfmt_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "base/strings.h"
#include "os/file_io.h"

namespace kiln::os {
namespace {

/// What the holder says on its way: how far it is, and what went wrong there.
struct Word {
  char step;
  int error_number;
};
constexpr char kEntered = 'e', kPrivate = 'p', kMounted = 'm', kRegistered = 'r', kReady = 'y';

/// Anywhere, in a mount namespace that nobody else sees.
constexpr const char* kMountPoint = "/proc";
constexpr const char* kRegister = "/proc/register";

/// Runs in a child of a process with threads: system calls only.
[[noreturn]] void hold(int in, int out, const std::vector<std::string>& registrations) {
  const auto say = [out](char step, int error_number) {
    const Word word{step, error_number};
    if (::write(out, &word, sizeof word) != sizeof word || error_number != 0) ::_exit(1);
  };
  const auto wait = [in] {
    char go = 0;
    return ::read(in, &go, 1) == 1;
  };
  say(kEntered, ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno);
  if (!wait()) ::_exit(1);
  say(kPrivate, ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno);
  say(kMounted, ::mount("binfmt_misc", kMountPoint, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                        nullptr) == 0
                    ? 0
                    : errno);
  for (const std::string& line : registrations) {
    const int fd = ::open(kRegister, O_WRONLY | O_CLOEXEC);
    const bool done =
        fd >= 0 && ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    if (!done) say(kRegistered, errno);
    ::close(fd);
  }
  say(kReady, 0);
  (void)wait();
  ::_exit(0);
}

std::string described(char step) {
  switch (step) {
    case kEntered:
      return "create a user namespace";
    case kPrivate:
      return "keep mounts private";
    case kMounted:
      return "mount binfmt_misc in a user namespace";
    default:
      return "register an interpreter";
  }
}

/// Every id as itself. What the whole first namespace maps is cut by one:
/// programs take a full map for the first namespace, and would try what only
/// its root may do.
Result<std::string> identity_map(const std::string& path) {
  const std::string text = TRY(read_file(path));
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    std::vector<std::string_view> fields;
    for (const std::string_view field : split(line, ' '))
      if (!field.empty()) fields.push_back(field);
    if (fields.size() != 3) continue;
    auto count = parse_uint(fields[2]);
    if (!count || *count == 0) continue;
    if (*count == std::numeric_limits<std::uint32_t>::max()) --*count;
    out.append(fields[0]).append(" ").append(fields[0]).append(" ");
    out.append(std::to_string(*count)).append("\n");
  }
  return out;
}

Result<void> write_map(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return system_error(errno, "open", path);
  // The kernel takes a map in one write only.
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return system_error(errno, "write", path);
  return {};
}

Result<void> hear(const Fd& words, char until) {
  for (;;) {
    Word word{};
    const ssize_t n = ::read(words.get(), &word, sizeof word);
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof word) return unsupported("a process that was to hold a user namespace ended");
    if (word.error_number != 0)
      return unsupported(described(word.step) + ": " + std::strerror(word.error_number));
    if (word.step == until) return {};
  }
}

}  // namespace

Result<BinfmtNamespace> BinfmtNamespace::create(const std::vector<std::string>& registrations) {
  const std::string uids = TRY(identity_map("/proc/self/uid_map"));
  const std::string gids = TRY(identity_map("/proc/self/gid_map"));
  Pipe orders = TRY(create_pipe());
  Pipe words = TRY(create_pipe());
  BinfmtNamespace out;
  out.holder_ = ::fork();
  if (out.holder_ < 0) return system_error(errno, "create a process");
  if (out.holder_ == 0) {
    // Copies of what other threads have open would keep their pipes from
    // ending, and its own one of the orders' end would keep it waiting for
    // itself.
    ::setsid();
    ::dup2(orders.read_end.get(), STDIN_FILENO);
    ::dup2(words.write_end.get(), STDOUT_FILENO);
    ::close_range(STDERR_FILENO, ~0U, 0);
    hold(STDIN_FILENO, STDOUT_FILENO, registrations);
  }
  out.alive_ = std::move(orders.write_end);
  words.write_end.reset();
  TRY(hear(words.read_end, kEntered));
  const std::string folder = "/proc/" + std::to_string(out.holder_);
  TRY(write_map(folder + "/uid_map", uids));
  TRY(write_map(folder + "/gid_map", gids));
  out.user_namespace_ = Fd(::open((folder + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!out.user_namespace_) return system_error(errno, "open", folder + "/ns/user");
  TRY(write_all(out.alive_, "g", "holder of a user namespace"));
  TRY(hear(words.read_end, kReady));
  return out;
}

BinfmtNamespace::~BinfmtNamespace() {
  if (holder_ <= 0) return;
  alive_.reset();
  ::kill(holder_, SIGKILL);
  while (::waitpid(holder_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace kiln::os
