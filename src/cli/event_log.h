// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"
#include "solver/progress.h"

namespace kiln::cli {

/// Passes progress on and writes all of it down, so that it can be shown again: the full log of a
/// build. Little is kept in memory, the rest in a file at `path` that is made when it is needed.
/// Events come one at a time. A log that can't be written ends there; the build goes on.
class EventLog final : public solver::Progress {
 public:
  EventLog(solver::Progress& next, std::string path) : next_(&next), path_(std::move(path)) {}
  void report(const solver::ProgressEvent& event) override;
  /// Writes what is still in memory. Returns the log's size.
  Result<std::uint64_t> finish();

 private:
  static constexpr std::size_t kBuffer = 65536;
  void flush();
  solver::Progress* next_;
  std::string path_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::string buffer_;      // guarded by mutex_
  os::Fd file_;             // guarded by mutex_
  std::uint64_t size_ = 0;  // guarded by mutex_
  bool failed_ = false;     // guarded by mutex_
};

/// Hands the events of a log to `take` in order, with the time since the build's beginning. Stops
/// quietly where the log ends in the middle of an event. Misses come back as notes.
void replay_log(
    std::string_view log,
    const std::function<void(const solver::ProgressEvent&, std::chrono::nanoseconds)>& take);

}  // namespace kiln::cli
