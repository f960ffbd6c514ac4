// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/strings.h"
#include "cli/progress_plain.h"
#include "solver/progress.h"

namespace kiln::cli {

/// Progress for programs, in the form of BuildKit's `rawjson`: one JSON object in each line, with
/// what is new in `vertexes`, `statuses`, `logs` (base64) and `warnings` (base64). A vertex's
/// digest identifies it within the build and says nothing else.
class JsonProgress : public solver::Progress {
 public:
  struct Options {
    TextSink sink;
    std::function<TimePoint()> clock;
  };
  explicit JsonProgress(Options options) : options_(std::move(options)) {}

  void report(const solver::ProgressEvent& event) override;

 private:
  void handle(const solver::StepStarted& event);
  void handle(const solver::StepOutput& event);
  void handle(const solver::StepNote& event);
  void handle(const solver::StepMissed& event);
  void handle(const solver::StepEnded& event);
  void handle(const solver::BuildWarning& event);
  void handle(const solver::BuildEnded& event);

  void note(solver::StepId step, const std::string& text);
  std::string now() const;
  void write(const char* list, nlohmann::json item);

  Options options_;
  std::map<solver::StepId, nlohmann::json> vertices_;  ///< as last written
};

}  // namespace kiln::cli
