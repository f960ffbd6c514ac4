// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// Remembers the settings of a terminal and gives them back to it when this goes, whatever somebody
/// else did to it.
class SavedTerminal {
 public:
  static Result<SavedTerminal> save(const Fd& terminal);
  /// Passes every byte on as it is typed: no echo, no editing, no signals from keys.
  Result<void> make_raw();
  SavedTerminal(SavedTerminal&&) noexcept;
  SavedTerminal& operator=(SavedTerminal&&) = delete;
  ~SavedTerminal();

 private:
  struct State;
  explicit SavedTerminal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

bool is_terminal(const Fd& fd);

struct TerminalSize {
  unsigned rows = 0;
  unsigned columns = 0;
};
Result<TerminalSize> terminal_size(const Fd& terminal);
Result<void> set_terminal_size(const Fd& terminal, TerminalSize size);

/// A descriptor that becomes readable when the size of this process's terminal changes. There can
/// be one at a time: it takes the process's handler of SIGWINCH.
class WindowChanges {
 public:
  static Result<std::unique_ptr<WindowChanges>> watch();
  WindowChanges(const WindowChanges&) = delete;
  WindowChanges& operator=(const WindowChanges&) = delete;
  ~WindowChanges();

  const Fd& fd() const;
  /// Makes it unreadable again.
  void clear() const;

 private:
  struct State;
  explicit WindowChanges(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A new pseudo-terminal: what is written to one side is read at the other.
struct TerminalPair {
  Fd master;
  Fd slave;
};
Result<TerminalPair> create_terminal(TerminalSize size);

}  // namespace kiln::os
