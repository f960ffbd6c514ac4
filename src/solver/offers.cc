// SPDX-License-Identifier: Apache-2.0
#include "solver/offers.h"

#include <algorithm>

namespace kiln::solver {
namespace {

/// What comes on top of `below`; nullopt if the offer does not stand on that.
std::optional<std::vector<oci::DiffId>> layers_above(const OfferedStep& step,
                                                     const std::vector<oci::DiffId>& below) {
  if (step.layers.size() <= below.size() ||
      !std::equal(below.begin(), below.end(), step.layers.begin()))
    return std::nullopt;
  return std::vector(step.layers.begin() + static_cast<std::ptrdiff_t>(below.size()),
                     step.layers.end());
}

bool is_distrusted(const SolveContext& context, const Offer& offer) {
  return context.imported.is_distrusted(*offer.from, offer.step.name);
}

}  // namespace

void collect_offers(SolveContext& context, const llb::Graph& graph,
                    const std::vector<llb::VertexId>& targets, const std::stop_token& stop) {
  context.offers.clear();
  if (context.cache == UseCache::ignore) return;
  for (const auto& from : context.imports) {
    for (auto& [vertex, step] : from->offers(context, graph, targets, stop)) {
      if (context.declined.contains(vertex)) continue;
      Offer offer{from.get(), std::move(step)};
      if (!is_distrusted(context, offer)) context.offers[vertex].push_back(std::move(offer));
    }
  }
}

std::set<llb::VertexId> vertices_taken_whole(const SolveContext& context, const llb::Graph& graph) {
  std::set<llb::VertexId> out;
  for (const auto& [id, offers] : context.offers) {
    const auto& inputs = graph.vertex(id).inputs;
    const bool is_looked_up =
        std::all_of(inputs.begin() + 1, inputs.end(), [&](llb::VertexId input) {
          return llb::gives_files(graph.vertex(input).op) || context.offers.contains(input) ||
                 std::holds_alternative<llb::ImageSource>(graph.vertex(input).op);
        });
    if (!is_looked_up && !offers.empty()) out.insert(id);
  }
  return out;
}

std::vector<llb::VertexId> needed_vertices(const llb::Graph& graph,
                                           const std::vector<llb::VertexId>& targets,
                                           const std::set<llb::VertexId>& taken_whole) {
  std::set<llb::VertexId> seen(targets.begin(), targets.end());
  std::vector<llb::VertexId> waiting = targets;
  while (!waiting.empty()) {
    const llb::VertexId id = waiting.back();
    waiting.pop_back();
    for (const llb::VertexId input : graph.vertex(id).inputs) {
      if (seen.insert(input).second) waiting.push_back(input);
      if (taken_whole.contains(id)) break;
    }
  }
  return {seen.begin(), seen.end()};  // inputs have smaller ids
}

std::optional<ImportedStep> find_offered(SolveContext& context, CacheImport& from,
                                         const StepInputs& inputs, const std::string& key) {
  const auto found = context.offers.find(inputs.id);
  if (found == context.offers.end()) return std::nullopt;
  for (const auto& offer : found->second) {
    if (offer.from != &from || is_distrusted(context, offer)) continue;
    const auto own = layers_above(offer.step, inputs.results.front()->layers);
    if (!own || own->size() != 1) continue;
    if (from.take_offer(context, inputs.id, key, inputs.stop))
      return ImportedStep{own->front(), offer.step.created, 0};
  }
  return std::nullopt;
}

Result<StepOutcomeResult> take_whole(SolveContext& context, const StepInputs& inputs) {
  const std::vector<oci::DiffId>& below = inputs.results.front()->layers;
  for (const auto& offer : context.offers.at(inputs.id)) {
    const auto own = layers_above(offer.step, below);
    if (!own || own->size() != 1 || is_distrusted(context, offer)) continue;
    if (!offer.from->take_offer(context, inputs.id, offer.step.name, inputs.stop)) continue;
    store::CacheRecord record;
    record.key = offer.step.name;
    record.instruction = inputs.vertex.origin.instruction;
    record.layer = own->front();
    record.created = offer.step.created;
    if (context.steps == Steps::run)
      TRY(context.imported.expect(*offer.from, offer.step.name, record));
    StepOutcomeResult out;
    out.result.layers = offer.step.layers;
    out.result.created = offer.step.created;
    out.result.makers = inputs.results.front()->makers;
    out.result.makers.resize(out.result.layers.size(), &inputs.vertex);
    out.cached = true;
    out.from = offer.from;
    out.key_there = offer.step.name;
    return out;
  }
  {
    const std::lock_guard lock(context.used_mutex);
    context.declined.insert(inputs.id);
  }
  return Error(ErrorKind::interrupted, "what a cache offers stands on other layers");
}

}  // namespace kiln::solver
