// SPDX-License-Identifier: Apache-2.0
#include "os/process_setup.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <string_view>

namespace kiln::os {
namespace {

constexpr int kInterruptedExitCode = 130;
/// What a display that nobody takes down any more may have hidden.
constexpr std::string_view kShowCursor = "\033[?25h";

sigset_t interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void set_up_process() {
  ::umask(0);
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

InterruptWatcher::InterruptWatcher() {
  const sigset_t set = interrupts();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::jthread([this](const std::stop_token& ended) {
    const sigset_t waited = interrupts();
    const timespec tick{0, 200'000'000};
    int seen = 0;
    while (!ended.stop_requested()) {
      if (::sigtimedwait(&waited, nullptr, &tick) < 0 || ended.stop_requested()) continue;
      if (++seen > 1) {
        if (::isatty(STDERR_FILENO) == 1)
          (void)!::write(STDERR_FILENO, kShowCursor.data(), kShowCursor.size());
        ::_exit(kInterruptedExitCode);
      }
      source_.request_stop();
    }
  });
}

InterruptWatcher::~InterruptWatcher() {
  thread_.request_stop();
  // Wakes the thread at once.
  ::pthread_kill(thread_.native_handle(), SIGHUP);
  thread_.join();
}

}  // namespace kiln::os
