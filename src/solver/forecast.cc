// SPDX-License-Identifier: Apache-2.0
#include "solver/forecast.h"

#include <map>

#include "solver/explain.h"
#include "solver/run_op.h"

namespace kiln::solver {

Result<std::vector<StepForecast>> forecast(SolveContext& context, const llb::Graph& graph,
                                           llb::VertexId target) {
  context.steps = Steps::look_up;
  std::vector<StepForecast> out;
  std::map<llb::VertexId, StepResult> known;
  for (const llb::VertexId id : graph.needed_by(target)) {
    const llb::Vertex& vertex = graph.vertex(id);
    StepForecast step;
    step.vertex = id;
    StepInputs inputs{vertex, {}, id, {}};
    for (const llb::VertexId input : vertex.inputs) {
      const auto found = known.find(input);
      if (found == known.end()) {
        step.on.push_back(input);
      } else {
        inputs.results.push_back(&found->second);
      }
    }
    if (!step.on.empty()) {
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
    if (!llb::is_source(vertex.op)) out.push_back(std::move(step));
  }
  return out;
}

}  // namespace kiln::solver
