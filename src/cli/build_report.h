// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "llb/graph.h"
#include "solver/forecast.h"
#include "solver/progress.h"

namespace kiln::cli {

/// The form of a report that the user asked for.
enum class ReportForm { none, text, json };
/// `flag` names what the word was given to. Kind invalid_input for another word.
Result<ReportForm> parse_report_form(const std::string& word, const std::string& flag);

/// What became of one step of a build.
struct StepReport {
  solver::StepId id = 0;
  std::string name;
  solver::StepOutcome outcome = solver::StepOutcome::cancelled;
  std::int64_t milliseconds = 0;
  std::optional<solver::MissReason> reason;  ///< of a step that was not in the cache
  std::string error;
};

/// Passes progress on and keeps what became of each step. Events come one at a time.
class StepRecorder final : public solver::Progress {
 public:
  explicit StepRecorder(solver::Progress& next) : next_(&next) {}
  void report(const solver::ProgressEvent& event) override;
  /// In the order in which they began.
  std::vector<StepReport> steps() const;

 private:
  struct Entry {
    StepReport report;
    std::chrono::steady_clock::time_point started;
    std::size_t order = 0;
  };
  solver::Progress* next_;
  mutable std::mutex mutex_;
  std::map<solver::StepId, Entry> entries_;  // guarded by mutex_
};

nlohmann::ordered_json reason_json(const solver::MissReason& reason);

/// What --explain prints.
std::string explain_build(const std::vector<StepReport>& steps, const llb::Graph& graph,
                          ReportForm form);
/// What --dry-run prints.
std::string show_forecast(const std::vector<solver::StepForecast>& steps, const llb::Graph& graph,
                          ReportForm form);

}  // namespace kiln::cli
