// SPDX-License-Identifier: Apache-2.0
#include "os/terminal.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace kiln::os {

struct SavedTerminal::State {
  Fd terminal;
  termios settings{};
};

Result<SavedTerminal> SavedTerminal::save(const Fd& terminal) {
  auto state = std::make_unique<State>();
  state->terminal = TRY(terminal.duplicate());
  if (::tcgetattr(state->terminal.get(), &state->settings) != 0)
    return system_error(errno, "read the terminal's settings");
  return SavedTerminal(std::move(state));
}

SavedTerminal::SavedTerminal(std::unique_ptr<State> state) : state_(std::move(state)) {}
SavedTerminal::SavedTerminal(SavedTerminal&&) noexcept = default;

SavedTerminal::~SavedTerminal() {
  if (!state_) return;
  // From the background, tcsetattr would stop this process.
  sigset_t ttou;
  sigset_t before;
  ::sigemptyset(&ttou);
  ::sigaddset(&ttou, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &ttou, &before);
  ::tcsetattr(state_->terminal.get(), TCSANOW, &state_->settings);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Result<void> SavedTerminal::make_raw() {
  termios raw = state_->settings;
  ::cfmakeraw(&raw);
  if (::tcsetattr(state_->terminal.get(), TCSANOW, &raw) != 0)
    return system_error(errno, "change the terminal's settings");
  return {};
}

bool is_terminal(const Fd& fd) { return fd && ::isatty(fd.get()) == 1; }

Result<TerminalSize> terminal_size(const Fd& terminal) {
  winsize size{};
  if (::ioctl(terminal.get(), TIOCGWINSZ, &size) != 0)
    return system_error(errno, "read the size of a terminal");
  return TerminalSize{size.ws_row, size.ws_col};
}

Result<void> set_terminal_size(const Fd& terminal, TerminalSize size) {
  winsize wanted{};
  wanted.ws_row = static_cast<unsigned short>(size.rows);
  wanted.ws_col = static_cast<unsigned short>(size.columns);
  if (::ioctl(terminal.get(), TIOCSWINSZ, &wanted) != 0)
    return system_error(errno, "set the size of a terminal");
  return {};
}

namespace {

std::atomic<int> window_changes_fd = -1;  // where the handler of SIGWINCH writes

void on_window_change(int) {
  const int saved_errno = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(window_changes_fd.load(), &one, sizeof one);
  errno = saved_errno;
}

}  // namespace

struct WindowChanges::State {
  Fd fd;
  struct sigaction before{};
};

Result<std::unique_ptr<WindowChanges>> WindowChanges::watch() {
  auto state = std::make_unique<State>();
  state->fd = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->fd) return system_error(errno, "create an eventfd");
  int none = -1;
  CHECK(window_changes_fd.compare_exchange_strong(none, state->fd.get()));
  struct sigaction action{};
  action.sa_handler = on_window_change;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGWINCH, &action, &state->before);
  return std::unique_ptr<WindowChanges>(new WindowChanges(std::move(state)));
}

WindowChanges::WindowChanges(std::unique_ptr<State> state) : state_(std::move(state)) {}

WindowChanges::~WindowChanges() {
  ::sigaction(SIGWINCH, &state_->before, nullptr);
  window_changes_fd = -1;
}

const Fd& WindowChanges::fd() const { return state_->fd; }

void WindowChanges::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(state_->fd.get(), &count, sizeof count);
}

Result<TerminalPair> create_terminal(TerminalSize size) {
  TerminalPair pair;
  pair.master = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pair.master || ::unlockpt(pair.master.get()) != 0)
    return system_error(errno, "create a terminal");
  char name[64];
  if (const int error_number = ::ptsname_r(pair.master.get(), name, sizeof name); error_number != 0)
    return system_error(error_number, "create a terminal");
  pair.slave = Fd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pair.slave) return system_error(errno, "open", name);
  TRY(set_terminal_size(pair.slave, size));
  return pair;
}

}  // namespace kiln::os
