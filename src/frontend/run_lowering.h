// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dockerfile/instructions.h"
#include "dockerfile/run_mount.h"
#include "frontend/stage_lowering.h"

namespace kiln::frontend {

/// What a RUN means depends on.
struct RunScope {
  const StageState& state;
  const StageContext& context;
  dockerfile::Expander expand;
  /// The vertex of the build context.
  std::function<llb::VertexId()> build_context;
  /// Where the instruction stands, for vertices that it needs.
  llb::Origin place;
  /// The instruction's lines, with a caret below a part of it.
  std::function<std::string(dockerfile::Range)> quoted;
  /// Gets the part of the instruction that an error is about.
  std::optional<dockerfile::Range>* failed_at = nullptr;
};

struct LoweredRun {
  llb::ExecOp op;
  std::vector<llb::VertexId> inputs;           ///< the root file system, then what is mounted
  std::string created_by;                      ///< in the history
  std::map<std::string, std::string> focused;  ///< as in llb::Origin
};

/// RUN with all its flags. `shell` is the argv that a shell form is appended to.
Result<LoweredRun> lower_run(const dockerfile::Run& run, const std::vector<std::string>& shell,
                             const RunScope& scope);

}  // namespace kiln::frontend
