// SPDX-License-Identifier: Apache-2.0
#include "solver/forecast.h"

#include <map>

#include "solver/explain.h"
#include "solver/run_op.h"

namespace kiln::solver {
namespace {

/// What a vertex waits for among steps that would run. A merge is none: what it merges counts.
void add_awaited(const llb::Graph& graph, const std::map<llb::VertexId, StepResult>& known,
                 llb::VertexId id, std::vector<llb::VertexId>& out) {
  if (known.contains(id)) return;
  if (!std::holds_alternative<llb::MergeOp>(graph.vertex(id).op)) {
    out.push_back(id);
    return;
  }
  for (const llb::VertexId input : graph.vertex(id).inputs) add_awaited(graph, known, input, out);
}

}  // namespace

Result<std::vector<StepForecast>> forecast(SolveContext& context, const llb::Graph& graph,
                                           const std::vector<llb::VertexId>& targets) {
  context.steps = Steps::look_up;
  std::vector<StepForecast> out;
  std::map<llb::VertexId, StepResult> known;
  for (const llb::VertexId id : graph.needed_by(targets)) {
    const llb::Vertex& vertex = graph.vertex(id);
    StepForecast step;
    step.vertex = id;
    StepInputs inputs{vertex, {}, id, {}};
    for (const llb::VertexId input : vertex.inputs) {
      const auto found = known.find(input);
      add_awaited(graph, known, input, step.on);
      if (found != known.end()) inputs.results.push_back(&found->second);
    }
    if (!step.on.empty()) {
      if (!llb::is_step(vertex.op)) continue;
      step.verdict = StepForecast::Verdict::depends;
      step.milliseconds = expected_milliseconds(context, vertex);
      out.push_back(std::move(step));
      continue;
    }
    StepOutcomeResult outcome = TRY(run_op(context, inputs));
    if (outcome.missed) {
      step.verdict = StepForecast::Verdict::run;
      step.reason = *std::move(outcome.missed);
      step.milliseconds = step.reason.milliseconds;
    } else {
      outcome.result.makers = makers_of(inputs, outcome.result.layers.size());
      known.emplace(id, std::move(outcome.result));
    }
    if (llb::is_step(vertex.op)) out.push_back(std::move(step));
  }
  return out;
}

}  // namespace kiln::solver
