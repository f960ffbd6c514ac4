// SPDX-License-Identifier: Apache-2.0
#include "solver/forecast.h"

#include <map>
#include <set>

#include "solver/explain.h"
#include "solver/offers.h"
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
  collect_offers(context, graph, targets, {});
  const std::set<llb::VertexId> taken_whole = vertices_taken_whole(context, graph);
  for (const llb::VertexId id : needed_vertices(graph, targets, taken_whole)) {
    const llb::Vertex& vertex = graph.vertex(id);
    const bool is_taken = taken_whole.contains(id);
    StepForecast step;
    step.vertex = id;
    StepInputs inputs{vertex, {}, id, {}};
    for (const llb::VertexId input : vertex.inputs) {
      const auto found = known.find(input);
      add_awaited(graph, known, input, step.on);
      if (found != known.end()) inputs.results.push_back(&found->second);
      if (is_taken) break;
    }
    if (!step.on.empty()) {
      if (!llb::is_step(vertex.op)) continue;
      step.verdict = StepForecast::Verdict::depends;
      // Whatever its inputs become, it runs.
      if (inputs.cache(context) == UseCache::ignore) {
        step.verdict = StepForecast::Verdict::run;
        step.reason.kind = MissReason::Kind::cache_off;
        step.on.clear();
      }
      step.milliseconds = expected_milliseconds(context, vertex);
      out.push_back(std::move(step));
      continue;
    }
    auto done = is_taken ? take_whole(context, inputs) : run_op(context, inputs);
    // What does not fit here is not offered the second time.
    if (!done && is_taken && done.error().kind() == ErrorKind::interrupted)
      return forecast(context, graph, targets);
    StepOutcomeResult outcome = TRY(std::move(done));
    if (outcome.missed) {
      step.verdict = StepForecast::Verdict::run;
      step.reason = *std::move(outcome.missed);
      step.milliseconds = step.reason.milliseconds;
    } else {
      if (!is_taken) outcome.result.makers = makers_of(inputs, outcome.result.layers.size());
      known.emplace(id, std::move(outcome.result));
    }
    if (llb::is_step(vertex.op)) out.push_back(std::move(step));
  }
  return out;
}

}  // namespace kiln::solver
