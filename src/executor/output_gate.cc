// SPDX-License-Identifier: Apache-2.0
#include "executor/output_gate.h"

#include "os/fd.h"

namespace kiln::executor {

void OutputGate::write(OutputStream stream, std::string_view bytes) {
  release();
  if (stream == OutputStream::err && (is_late_message(bytes) || !has_started())) {
    held_ = bytes;
  } else if (io_.output) {
    io_.output(stream, bytes);
  }
}

void OutputGate::check_start() {
  if (waits_for_start() && has_started() && !is_late_message(held_)) release();
}

void OutputGate::release() {
  if (!held_.empty() && io_.output) io_.output(OutputStream::err, held_);
  held_.clear();
}

/// On the exec itself, when crun's log is out of its reach already.
bool OutputGate::is_late_message(std::string_view bytes) const {
  return !status_file_.empty() && bytes.starts_with("{\"msg\":\"exec container process");
}

bool OutputGate::has_started() {
  if (!started_) started_ = os::path_exists(status_file_);
  return started_;
}

}  // namespace kiln::executor
