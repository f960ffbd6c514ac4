// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// Remembers the settings of a terminal and gives them back to it when this goes, whatever somebody
/// else (a runtime that puts it into raw mode and is killed) did to it.
class SavedTerminal {
 public:
  static Result<SavedTerminal> save(const Fd& terminal);
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

/// A new pseudo-terminal: what is written to one side is read at the other.
struct TerminalPair {
  Fd master;
  Fd slave;
};
Result<TerminalPair> create_terminal(TerminalSize size);

}  // namespace kiln::os
