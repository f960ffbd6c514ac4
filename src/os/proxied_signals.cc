// SPDX-License-Identifier: Apache-2.0
#include "os/proxied_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace kiln::os {

struct ProxiedSignals::State {
  Fd fd;
  sigset_t before{};
};

ProxiedSignals::ProxiedSignals(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ProxiedSignals>> ProxiedSignals::create(WindowSizeSignal window_size) {
  sigset_t proxied;
  ::sigfillset(&proxied);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGCHLD, SIGPIPE,
                        SIGURG, SIGTTIN, SIGTTOU})
    ::sigdelset(&proxied, own);
  if (window_size == WindowSizeSignal::left) ::sigdelset(&proxied, SIGWINCH);
  auto state = std::make_unique<State>();
  state->fd = Fd(::signalfd(-1, &proxied, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!state->fd) return system_error(errno, "create a signalfd");
  ::pthread_sigmask(SIG_BLOCK, &proxied, &state->before);
  return std::unique_ptr<ProxiedSignals>(new ProxiedSignals(std::move(state)));
}

ProxiedSignals::~ProxiedSignals() {
  // What came too late to be passed on has had its effect: the process that it was meant for is
  // gone.
  while (next()) continue;
  ::pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

const Fd& ProxiedSignals::fd() const { return state_->fd; }

std::optional<int> ProxiedSignals::next() const {
  signalfd_siginfo info{};
  if (::read(state_->fd.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

bool is_request_to_end(int signal) { return signal == SIGINT || signal == SIGTERM; }

}  // namespace kiln::os
