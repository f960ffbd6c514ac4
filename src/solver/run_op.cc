// SPDX-License-Identifier: Apache-2.0
#include "solver/run_op.h"

#include "solver/exec_op.h"
#include "solver/file_op.h"
#include "solver/source_ops.h"
#include "solver/squash_op.h"

namespace kiln::solver {
namespace {

Result<StepOutcomeResult> run_source(SolveContext& context, const llb::ImageSource& source) {
  for (const auto& layer : source.layers) {
    if (context.bases != nullptr && context.bases->offers(layer)) continue;
    TRY(context.store.layers().get(layer));
  }
  StepOutcomeResult out;
  out.result.layers = source.layers;
  out.cached = true;
  return out;
}

Result<StepOutcomeResult> run_source(SolveContext& context, const llb::LocalSource& source) {
  context.context_tree(source.name);  // every name of a graph has one
  StepOutcomeResult out;
  out.result.local_context = source.name;
  return out;
}

StepOutcomeResult run_merge(const StepInputs& inputs) {
  StepOutcomeResult out;
  for (const StepResult* input : inputs.results)
    out.result.layers.insert(out.result.layers.end(), input->layers.begin(), input->layers.end());
  out.result.created = inputs.results.back()->created;
  out.cached = true;
  return out;
}

}  // namespace

Result<StepOutcomeResult> run_op(SolveContext& context, const StepInputs& inputs) {
  const llb::Op& op = inputs.vertex.op;
  if (const auto* image = std::get_if<llb::ImageSource>(&op)) return run_source(context, *image);
  if (const auto* local = std::get_if<llb::LocalSource>(&op)) return run_source(context, *local);
  if (const auto* http = std::get_if<llb::HttpSource>(&op))
    return run_http_source(context, inputs, *http);
  if (const auto* git = std::get_if<llb::GitSource>(&op))
    return run_git_source(context, inputs, *git);
  if (const auto* exec = std::get_if<llb::ExecOp>(&op)) return run_exec_op(context, inputs, *exec);
  if (std::holds_alternative<llb::MergeOp>(op)) return run_merge(inputs);
  if (const auto* squash = std::get_if<llb::SquashOp>(&op))
    return run_squash_op(context, inputs, *squash);
  return run_file_op(context, inputs, std::get<llb::FileOp>(op));
}

std::vector<const llb::Vertex*> makers_of(const StepInputs& inputs, std::size_t layers) {
  std::vector<const llb::Vertex*> out;
  if (std::holds_alternative<llb::MergeOp>(inputs.vertex.op)) {
    for (const StepResult* input : inputs.results)
      out.insert(out.end(), input->makers.begin(), input->makers.end());
    return out;
  }
  if (!inputs.results.empty()) out = inputs.results.front()->makers;
  if (const auto* squash = std::get_if<llb::SquashOp>(&inputs.vertex.op)) out.resize(squash->keep);
  out.resize(layers, &inputs.vertex);
  return out;
}

}  // namespace kiln::solver
