// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "llb/op.h"
#include "remote/access.h"
#include "remote/git_source.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// Sources that are fetched: their files become a context of the build, whose name is the result.
/// Kind unsupported in a build without a network.
Result<StepOutcomeResult> run_http_source(SolveContext& context, const StepInputs& inputs,
                                          const llb::HttpSource& source);
Result<StepOutcomeResult> run_git_source(SolveContext& context, const StepInputs& inputs,
                                         const llb::GitSource& source);

/// What the command line gave that fetching may use: secrets, and the agent or keys of --ssh
/// default.
remote::SecretLookup secret_lookup(const RunEnvironment& run);
remote::SshAccess ssh_access(const RunEnvironment& run);

/// A git source as what fetches it takes it.
remote::GitCheckout checkout_of(const llb::GitSource& source);

}  // namespace kiln::solver
