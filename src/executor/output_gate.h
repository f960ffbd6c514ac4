// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "executor/executor.h"

namespace kiln::executor {

/// Passes output on, but holds back what may be crun's own message on a program that it can't run:
/// crun writes that to the container's stderr too, and it is told as an Error instead.
class OutputGate {
 public:
  /// `status_file` is there once the program begins. Empty: nothing is held. `io` outlives it.
  OutputGate(const ExecIo& io, std::string status_file)
      : io_(io), status_file_(std::move(status_file)), started_(status_file_.empty()) {}

  void write(OutputStream stream, std::string_view bytes);
  /// Whether something is held that has to be looked at again soon.
  bool waits_for_start() const { return !started_ && !held_.empty(); }
  void check_start();
  void release();
  const std::string& held() const { return held_; }
  void drop() { held_.clear(); }

 private:
  bool is_late_message(std::string_view bytes) const;
  bool has_started();

  const ExecIo& io_;
  std::string status_file_;
  bool started_;
  std::string held_;
};

}  // namespace kiln::executor
