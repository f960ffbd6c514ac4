// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// WINCH is `left` to WindowChanges where the process has a terminal of its own.
enum class WindowSizeSignal { proxied, left };

/// Holds back the signals that this process gets and a person or a supervisor may mean for the
/// process that it runs: all but those that can't be (KILL, STOP), those that say that this process
/// itself is at fault (SEGV …), and those that are about it alone: CHLD, PIPE, URG, TTIN, TTOU.
/// Must be created before other threads: they inherit the blocked signals. Gives the signals back
/// their effect when it goes.
class ProxiedSignals {
 public:
  static Result<std::unique_ptr<ProxiedSignals>> create(WindowSizeSignal window_size);
  ProxiedSignals(const ProxiedSignals&) = delete;
  ProxiedSignals& operator=(const ProxiedSignals&) = delete;
  ~ProxiedSignals();

  /// Readable when there is a signal.
  const Fd& fd() const;
  /// The next one, without waiting.
  std::optional<int> next() const;

 private:
  struct State;
  explicit ProxiedSignals(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whether the signal asks a process to end: INT and TERM.
bool is_request_to_end(int signal);

}  // namespace kiln::os
