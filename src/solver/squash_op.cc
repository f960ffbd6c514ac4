// SPDX-License-Identifier: Apache-2.0
#include "solver/squash_op.h"

#include <chrono>

#include "os/system.h"
#include "snapshot/squash.h"
#include "solver/explain.h"
#include "solver/step_key.h"
#include "solver/step_lock.h"

namespace kiln::solver {
namespace {

class SquashStep {
 public:
  SquashStep(SolveContext& context, const StepInputs& inputs, const llb::SquashOp& op)
      : context_(&context), inputs_(&inputs), op_(&op), input_(inputs.results.front()) {
    record_.operation = llb::encode(inputs.vertex.op);
    record_.instruction = inputs.vertex.origin.instruction;
    record_.place = step_place(context, inputs.vertex);
    append_layers("layer", input_->layers, record_.inputs);
    record_.key = step_key(record_.operation, record_.inputs);
  }

  Result<StepOutcomeResult> run() {
    const auto started = std::chrono::steady_clock::now();
    auto hit = TRY(look_up());
    if (hit) return *std::move(hit);
    const StepLock lock = TRY(StepLock::acquire(*context_, *inputs_, record_.key));
    if (lock.held()) {
      hit = TRY(look_up());
      if (hit) return *std::move(hit);
    }
    MissReason reason = report_miss(*context_, *inputs_, record_);
    if (context_->steps == Steps::look_up) return missed_step(std::move(reason));
    TRY(context_->ensure_layers(input_->layers, inputs_->stop));
    const store::LayerInfo made =
        TRY(snapshot::squash_layers(context_->store, input_->layers, op_->keep, inputs_->stop));
    StepOutcomeResult out;
    out.milliseconds = milliseconds_since(started);
    out.result.layers = over_kept(made.diff_id);
    // A squashed layer is as old as what it holds.
    out.result.created = input_->created;
    TRY(keep_record(*context_, record_, out));
    return out;
  }

 private:
  Result<std::optional<StepOutcomeResult>> look_up() {
    if (inputs_->cache(*context_) == UseCache::ignore) return std::optional<StepOutcomeResult>();
    auto found = TRY(find_step(*context_, *inputs_, record_.key, [this] { return record_; }));
    if (found) found->result.layers = over_kept(found->result.layers.back());
    return found;
  }

  std::vector<oci::DiffId> over_kept(oci::DiffId squashed) const {
    std::vector<oci::DiffId> out = input_->layers;
    out.resize(op_->keep);
    out.push_back(std::move(squashed));
    return out;
  }

  SolveContext* context_;
  const StepInputs* inputs_;
  const llb::SquashOp* op_;
  const StepResult* input_;
  store::CacheRecord record_;
};

}  // namespace

Result<StepOutcomeResult> run_squash_op(SolveContext& context, const StepInputs& inputs,
                                        const llb::SquashOp& op) {
  return SquashStep(context, inputs, op).run();
}

}  // namespace kiln::solver
