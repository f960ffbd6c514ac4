// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/build_report.h"
#include "cli/event_log.h"
#include "solver/step_context.h"
#include "store/image_store.h"
#include "store/store.h"

namespace kiln::cli {

/// What was asked for, as the history shows it.
struct BuildRequest {
  std::string context, dockerfile, target;
  std::vector<std::string> build_args, tags;
};

/// Records a build for the store's history: its steps and its full log, from its progress.
class BuildRecording {
 public:
  BuildRecording(store::Store& store, BuildRequest request, solver::Progress& display);

  solver::Progress& progress() { return steps_; }
  std::vector<StepReport> steps() const { return steps_.steps(); }

  /// The build's in the history.
  const std::string& id() const { return id_; }

  using Results = std::map<llb::VertexId, solver::StepResult>;
  /// Called once the user has the answer. A history that can't be written is no failure of the
  /// build.
  void succeeded(const solver::SolveContext& context, const llb::Graph& graph,
                 const Results& results, const std::optional<store::Image>& image);
  void failed(const solver::SolveContext& context, const llb::Graph& graph, const Error& error);

 private:
  void write(const solver::SolveContext& context, const std::string& status,
             nlohmann::ordered_json details, const llb::Graph& graph, const Results& results);

  store::Store* store_;
  BuildRequest request_;
  std::string id_ = store::BuildHistory::new_id();
  std::string log_path_;
  TimePoint created_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  EventLog log_;
  StepRecorder steps_;
};

}  // namespace kiln::cli
