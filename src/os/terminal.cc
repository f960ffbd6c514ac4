// SPDX-License-Identifier: Apache-2.0
#include "os/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
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

bool is_terminal(const Fd& fd) { return fd && ::isatty(fd.get()) == 1; }

Result<TerminalSize> terminal_size(const Fd& terminal) {
  winsize size{};
  if (::ioctl(terminal.get(), TIOCGWINSZ, &size) != 0)
    return system_error(errno, "read the size of a terminal");
  return TerminalSize{size.ws_row, size.ws_col};
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
  winsize wanted{};
  wanted.ws_row = static_cast<unsigned short>(size.rows);
  wanted.ws_col = static_cast<unsigned short>(size.columns);
  if (::ioctl(pair.slave.get(), TIOCSWINSZ, &wanted) != 0)
    return system_error(errno, "set the size of a terminal");
  return pair;
}

}  // namespace kiln::os
