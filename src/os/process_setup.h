// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <thread>

namespace kiln::os {

/// At the start of main: umask 0 (modes in images are what they say), as many open files as the
/// machine allows, SIGPIPE ignored (a write fails instead).
void set_up_process();

/// Turns SIGINT, SIGTERM and SIGHUP into a request to stop; a second one ends the process at once,
/// with the terminal's cursor shown.
/// Must be created before other threads: they inherit the blocked signals. Its stop token serves
/// the whole process.
class InterruptWatcher {
 public:
  InterruptWatcher();
  ~InterruptWatcher();
  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread thread_;
};

}  // namespace kiln::os
