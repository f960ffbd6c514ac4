// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "os/process.h"
#include "os/proxied_signals.h"
#include "os/relay.h"

namespace kiln::executor {

/// Passes this process's signals on to a runtime, which passes them on to its container's process.
/// What comes before that process runs is kept until then: the runtime would lose it.
class SignalProxy {
 public:
  /// Without `signals` it does nothing. All are borrowed.
  SignalProxy(const os::ProxiedSignals* signals, const os::Process& process,
              std::function<bool()> has_started)
      : signals_(signals), process_(process), has_started_(std::move(has_started)) {}

  void watch(os::Relay& relay);
  /// Whether something is kept that deliver() has to look at again soon.
  bool waits_for_start() const { return !kept_.empty(); }
  void deliver();
  /// Whether the user has asked three times, by INT or TERM, for an end that doesn't come.
  bool is_impatient() const { return requests_ >= 3; }

 private:
  const os::ProxiedSignals* signals_;
  const os::Process& process_;
  std::function<bool()> has_started_;
  std::vector<int> kept_;
  int requests_ = 0;
};

}  // namespace kiln::executor
