// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "solver/miss_reason.h"

namespace kiln::solver {

/// Identifies one step of a build in its progress; numbered from 0 in plan order.
using StepId = std::size_t;

enum class OutputStream { out, err };

/// A step begins to run, or its cached result is used. `name` is as docker prints it, such as
/// `[build 2/4] RUN make` or `[internal] load build context`.
struct StepStarted {
  StepId step;
  std::string name;
  std::vector<StepId> inputs = {};  ///< the steps it follows, among those that are reported
};
/// Bytes that a step's process wrote, as they came: not cut into lines, any encoding.
struct StepOutput {
  StepId step;
  OutputStream stream;
  std::string bytes;
};
/// A remark of kiln's own on a step: `extracting archive.tar`, `12.4MB in 310 files`; one line.
struct StepNote {
  StepId step;
  std::string text;
};
/// A step is not in the cache and runs, or has just run. Comes between its StepStarted and
/// StepEnded.
struct StepMissed {
  StepId step;
  MissReason reason;
};
enum class StepOutcome { done, cached, failed, cancelled };
struct StepEnded {
  StepId step;
  StepOutcome outcome;
  std::string error;  ///< of a failed step, one line
};
/// A remark on the whole build that the user should see: a warning, a hint.
struct BuildWarning {
  std::string text;
};
struct BuildEnded {
  bool succeeded;
};

using ProgressEvent = std::variant<StepStarted, StepOutput, StepNote, StepMissed, StepEnded,
                                   BuildWarning, BuildEnded>;

/// Takes what happens in a build. Calls come from any thread, one at a time.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void report(const ProgressEvent& event) = 0;
};

}  // namespace kiln::solver
