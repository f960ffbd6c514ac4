// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/device_grants.h"
#include "cli/flags.h"
#include "frontend/build_plan.h"
#include "solver/run_environment.h"

namespace kiln::cli {

/// The flags of `build` that say what RUN steps get and what they are kept to, as written.
struct RunStepFlags {
  std::vector<std::string> secrets, ssh, hosts, allow, ulimits, volumes, cdi_folders;
  std::string network = "default", shm_size;
  std::string memory, memory_swap, cpu_shares, cpu_period, cpu_quota, cpus, memory_nodes,
      cgroup_parent;
};

/// `flags` must outlive the set.
void add_run_step_flags(FlagSet& set, RunStepFlags& flags);

/// What they mean for the plan.
Result<void> apply_run_step_flags(const RunStepFlags& flags, frontend::BuildOptions& options);
/// The devices of `environment` that --allow lets RUN have.
Result<std::unique_ptr<DeviceGrants>> device_grants(const RunStepFlags& flags,
                                                    const solver::RunEnvironment& environment);
/// And for the steps. Secrets are looked for, but not read.
Result<solver::RunEnvironment> run_environment(const RunStepFlags& flags);

}  // namespace kiln::cli
