// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "solver/progress.h"

namespace kiln::cli {

/// Passes progress on and keeps the end of each running step's output, for a failure that no
/// display showed. Serialises the calls: displays are told of one event at a time.
class StepOutputKeeper final : public solver::Progress {
 public:
  explicit StepOutputKeeper(solver::Progress& next) : next_(&next) {}
  void report(const solver::ProgressEvent& event) override;
  /// The last output of the step that failed first.
  const std::string& failed_output() const { return failed_output_; }

 private:
  static constexpr std::size_t kMaxKept = 16384;
  solver::Progress* next_;
  std::mutex mutex_;
  std::map<solver::StepId, std::string> output_;  // guarded by mutex_
  std::string failed_output_;                     // guarded by mutex_
};

}  // namespace kiln::cli
