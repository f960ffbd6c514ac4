// SPDX-License-Identifier: Apache-2.0
#include "solver/explain.h"

#include <algorithm>
#include <optional>

#include "llb/op_diff.h"
#include "solver/input_diff.h"

namespace kiln::solver {
namespace {

constexpr std::size_t kMaxCandidates = 6;

std::string keyword(std::string_view instruction) {
  return to_upper(instruction.substr(0, instruction.find_first_of(" \t\n")));
}

std::vector<std::string> copy_patterns(const llb::Vertex& vertex) {
  std::vector<std::string> out;
  const auto* op = std::get_if<llb::FileOp>(&vertex.op);
  if (op == nullptr) return out;
  for (const auto& action : op->actions) {
    if (const auto* copy = std::get_if<llb::CopyAction>(&action)) out.push_back(copy->pattern);
  }
  return out;
}

/// The image's name in `[build 1/4] FROM busybox`.
std::string base_name(const llb::Vertex& vertex) {
  const auto at = vertex.origin.name.find("FROM ");
  return at == std::string::npos ? vertex.origin.name : vertex.origin.name.substr(at + 5);
}

/// `sha256:` and the first 12 digits.
std::string shortened(const std::string& digest) { return digest.substr(0, 7 + 12); }

struct Comparison {
  std::vector<Change> changes;
  /// The step below whose other result is among them.
  const llb::Vertex* below = nullptr;
  bool only_below = false;
};

Comparison compare(SolveContext& context, const StepInputs& inputs,
                   const store::CacheRecord& record, const std::string& inputs_digest,
                   const store::EarlierRecord& earlier) {
  Comparison out;
  const llb::Vertex& vertex = inputs.vertex;
  for (auto& change : llb::op_changes(earlier.operation, record.operation, vertex.origin.args))
    out.changes.push_back({Change::Kind::option, std::move(change.what), std::move(change.before),
                           std::move(change.after)});
  if (earlier.inputs_digest == inputs_digest) return out;
  const auto earlier_list = context.store.records().input_list(earlier.inputs_digest);
  if (!earlier_list) return out;
  InputDiff diff = diff_inputs(*earlier_list, record.inputs.text, copy_patterns(vertex));
  std::ranges::move(diff.files, std::back_inserter(out.changes));
  if (diff.first_layer == InputDiff::npos) return out;
  out.only_below = out.changes.empty();
  const auto& makers = inputs.results.front()->makers;
  if (makers.empty()) return out;
  // A stack that ends early: the step that made its last layer is where they part.
  const llb::Vertex* maker = makers[std::min(diff.first_layer, makers.size() - 1)];
  if (std::holds_alternative<llb::ImageSource>(maker->op)) {
    out.only_below = false;
    out.changes.push_back({Change::Kind::base, base_name(*maker), shortened(diff.layer_before),
                           shortened(diff.layer_after)});
    return out;
  }
  out.below = maker;
  out.changes.push_back({Change::Kind::below, maker->origin.name, shortened(diff.layer_before),
                         shortened(diff.layer_after)});
  return out;
}

/// Of the earlier runs the one that differs least; of equals the latest.
Result<MissReason> find_reason(SolveContext& context, const StepInputs& inputs,
                               const store::CacheRecord& record) {
  MissReason reason;
  const auto same = TRY(context.store.records().find(record.key));
  if (same) {
    reason.kind = MissReason::Kind::result_gone;
    reason.compared = same->created;
    reason.milliseconds = same->milliseconds;
    return reason;
  }
  const std::vector<store::EarlierRecord> candidates =
      TRY(earlier_runs(context, inputs.vertex, kMaxCandidates));
  const std::string inputs_digest =
      candidates.empty() ? std::string() : store::inputs_digest(record.inputs.text);
  std::optional<Comparison> nearest;
  for (const auto& earlier : candidates) {
    Comparison comparison = compare(context, inputs, record, inputs_digest, earlier);
    if (comparison.changes.empty()) continue;
    if (nearest && nearest->changes.size() <= comparison.changes.size()) continue;
    nearest = std::move(comparison);
    reason.compared = earlier.created;
    reason.milliseconds = earlier.milliseconds;
    if (nearest->changes.size() == 1) break;  // none differs less
  }
  if (!nearest) return reason;
  if (nearest->only_below && nearest->below != nullptr && context.has_missed(nearest->below)) {
    reason.kind = MissReason::Kind::follows;
    reason.step = nearest->below->origin.name;
    return reason;
  }
  reason.kind = MissReason::Kind::changed;
  reason.changes = std::move(nearest->changes);
  if (reason.changes.size() > MissReason::kMaxChanges) {
    reason.more = reason.changes.size() - MissReason::kMaxChanges;
    reason.changes.resize(MissReason::kMaxChanges);
  }
  return reason;
}

}  // namespace

std::string step_place(const SolveContext& context, const llb::Vertex& vertex) {
  return vertex.origin.place.empty() ? std::string()
                                     : context.build_name + "#" + vertex.origin.place;
}

Result<std::vector<store::EarlierRecord>> earlier_runs(const SolveContext& context,
                                                       const llb::Vertex& vertex,
                                                       std::size_t most) {
  return context.store.records().earlier(vertex.origin.instruction, step_place(context, vertex),
                                         keyword(vertex.origin.instruction), most);
}

MissReason report_miss(SolveContext& context, const StepInputs& inputs,
                       const store::CacheRecord& record) {
  context.note_missed(inputs.vertex);
  MissReason reason;
  auto found = find_reason(context, inputs, record);
  if (found) reason = *std::move(found);
  if (inputs.cache(context) == UseCache::ignore) {
    reason.kind = MissReason::Kind::cache_off;
    reason.changes.clear();
    reason.more = 0;
  }
  if (context.steps == Steps::run) context.report(StepMissed{inputs.id, reason});
  return reason;
}

std::int64_t expected_milliseconds(SolveContext& context, const llb::Vertex& vertex) {
  const auto earlier = earlier_runs(context, vertex, 1);
  return earlier && !earlier->empty() ? earlier->front().milliseconds : -1;
}

}  // namespace kiln::solver
