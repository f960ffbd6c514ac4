// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "os/user_namespace.h"

namespace kiln::os {

/// For tests that run as root: calls `body` in a forked process that is root of a new user
/// namespace with the given ids, as enter_user_namespace makes it for an ordinary user, and returns
/// its result. The calling process must have one thread.
inline Result<int> run_in_user_namespace(IdRange ids, const std::function<int()>& body) {
  Pipe entered = TRY(create_pipe());
  Pipe mapped = TRY(create_pipe());
  const pid_t child = ::fork();
  if (child < 0) return system_error(errno, "create a process");
  if (child == 0) {
    mapped.write_end.reset();
    char word = 'n';
    if (::unshare(CLONE_NEWUSER) == 0) word = 'y';
    (void)write_all(entered.write_end, std::string_view(&word, 1), "pipe");
    if (::read(mapped.read_end.get(), &word, 1) != 1 || ::setgid(0) != 0 || ::setuid(0) != 0)
      ::_exit(120);
    ::_exit(body());
  }
  entered.write_end.reset();
  std::byte answer{};
  TRY(read_some(entered.read_end, std::span(&answer, 1), "pipe"));
  bool ok = answer == std::byte{'y'};
  const std::string map = "0 " + std::to_string(ids.first) + " " + std::to_string(ids.count) + "\n";
  for (const char* file : {"uid_map", "gid_map"}) {
    const auto fd = open_file("/proc/" + std::to_string(child) + "/" + file, O_WRONLY);
    ok = ok && fd.ok() && write_all(*fd, map, file).ok();
  }
  if (ok) (void)write_all(mapped.write_end, "g", "pipe");
  mapped.write_end.reset();
  int status = 0;
  if (::waitpid(child, &status, 0) < 0) return system_error(errno, "wait for a process");
  if (!ok) return Error(ErrorKind::unsupported, "user namespaces can't be made here");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace kiln::os
