// SPDX-License-Identifier: Apache-2.0
#include "cli/step_output.h"

namespace kiln::cli {

void StepOutputKeeper::report(const solver::ProgressEvent& event) {
  const std::lock_guard lock(mutex_);
  if (const auto* output = std::get_if<solver::StepOutput>(&event)) {
    std::string& kept = output_[output->step];
    kept += output->bytes;
    if (kept.size() > 2 * kMaxKept) kept.erase(0, kept.size() - kMaxKept);
  } else if (const auto* ended = std::get_if<solver::StepEnded>(&event)) {
    std::string kept = std::move(output_[ended->step]);
    output_.erase(ended->step);
    while (kept.ends_with('\n')) kept.pop_back();
    if (ended->outcome == solver::StepOutcome::failed && failed_output_.empty())
      failed_output_ = std::move(kept);
  }
  next_->report(event);
}

}  // namespace kiln::cli
