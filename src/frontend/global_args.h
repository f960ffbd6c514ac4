// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "dockerfile/parser.h"
#include "frontend/build_plan.h"
#include "frontend/variables.h"

namespace kiln::frontend {

/// Arguments that exist before the first stage: ARG above FROM and the platform's.
struct GlobalArgs {
  Variables values;
};

/// With the values that --build-arg gives them. Errors quote the Dockerfile.
Result<GlobalArgs> global_args(const dockerfile::Dockerfile& file, const BuildOptions& options);

}  // namespace kiln::frontend
