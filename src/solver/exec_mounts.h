// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "executor/agent_forward.h"
#include "executor/executor.h"
#include "llb/op.h"
#include "os/mount.h"
#include "solver/step_context.h"
#include "store/cache_mounts.h"
#include "store/cache_records.h"
#include "store/layer_store.h"

namespace kiln::solver {

/// What a RUN step mounts, there as long as this is. Nothing of it becomes part of a layer, and a
/// secret is in memory only: in a tmpfs that this process alone sees, or in a variable.
class ExecMounts {
 public:
  /// `scratch` is a directory of this step's own. Kind not_found for a source, secret or agent that
  /// is required and isn't there.
  static Result<ExecMounts> prepare(SolveContext& context, const StepInputs& inputs,
                                    const llb::ExecOp& op, const std::string& scratch);
  /// Adds mounts and variables to what is run.
  void add_to(executor::ExecSpec& spec) const;

 private:
  ExecMounts(SolveContext& context, const StepInputs& inputs, const std::string& scratch)
      : context_(&context), inputs_(&inputs), scratch_(scratch) {}
  Result<void> add(const llb::BindMount& mount);
  Result<void> add(const llb::CacheMount& mount);
  Result<void> add(const llb::TmpfsMount& mount);
  Result<void> add(const llb::SecretMount& mount);
  Result<void> add(const llb::SshMount& mount);
  Result<std::string> mount_input(std::size_t input, const std::string& source);
  Result<std::string> cache_directory(const llb::CacheMount& mount);
  Result<void> fill_cache(const llb::CacheMount& mount, const std::string& path);
  Result<std::string> memory_directory();

  SolveContext* context_;
  const StepInputs* inputs_;
  std::string scratch_;
  std::size_t next_ = 0;
  std::string memory_;  ///< path of the tmpfs, once there is one
  std::vector<executor::Mount> mounts_;
  std::vector<std::string> secret_env_;
  std::map<std::string, std::string> cache_paths_;  ///< by id and variant: one step, one lease
  std::vector<store::CacheMountLease> leases_;
  std::vector<std::unique_ptr<executor::AgentForward>> agents_;
  std::vector<os::Mount> mounted_;  ///< last: unmounted first
};

/// What the mounts of a step add to its key: the inputs' layers (`definition`), and the files that
/// are mounted (`content`), as COPY has them.
void append_mount_layers(const StepInputs& inputs, store::InputList& definition);
Result<void> append_mount_files(SolveContext& context, const StepInputs& inputs,
                                const llb::ExecOp& op, store::InputList& content);

}  // namespace kiln::solver
