// SPDX-License-Identifier: Apache-2.0
#include "solver/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "llb/op_diff.h"
#include "solver/input_diff.h"
#include "solver/step_key.h"

namespace kiln::solver {
namespace {

constexpr std::size_t kMaxCandidates = 6;

std::string keyword(std::string_view instruction) {
  return to_upper(instruction.substr(0, instruction.find_first_of(" \t\n")));
}

/// Sources of a COPY go by their number, mounts by where they are; `operation` is the encoded op.
std::vector<InputSource> input_sources(const llb::Vertex& vertex, const std::string& operation) {
  std::vector<InputSource> out;
  if (const auto* op = std::get_if<llb::FileOp>(&vertex.op)) {
    for (const auto& action : op->actions) {
      if (const auto* copy = std::get_if<llb::CopyAction>(&action))
        out.push_back({copy->pattern, std::to_string(out.size())});
    }
    return out;
  }
  for (auto& mount : llb::mount_places(operation))
    out.push_back({mount.source, mount.target + "\n" + mount.source});
  return out;
}

/// The flag of COPY and ADD.
bool says_link(std::string_view instruction) {
  bool out = false;
  const std::string_view rest = instruction.substr(keyword(instruction).size());
  for (std::size_t at = 0, end = 0; at < rest.size(); at = end) {
    at = std::min(rest.find_first_not_of(" \t\n\\", at), rest.size());
    end = std::min(rest.find_first_of(" \t\n\\", at), rest.size());
    const std::string_view word = rest.substr(at, end - at);
    if (!word.starts_with("--")) break;
    const auto [name, value] = split_once(word, '=');
    if (name == "--link") out = to_lower(value.value_or("true")) == "true";
  }
  return out;
}

/// How lists that know inputs by their layers call them; see append_mount_layers.
std::string_view input_word(const llb::Vertex& vertex) {
  return std::holds_alternative<llb::ExecOp>(vertex.op) ? "mount" : "source";
}

bool is_by_layers(const llb::Vertex& vertex, const std::string& list) {
  const std::string word(input_word(vertex));
  for (std::size_t at = list.find(word); at != std::string::npos; at = list.find(word, at + 1)) {
    if (at > 0 && list[at - 1] != '\n') continue;
    const auto name = split_once(std::string_view(list).substr(at + word.size()), ':').first;
    if (parse_uint(name)) return true;
  }
  return false;
}

/// The inputs, all by their layers.
std::string list_by_layers(const StepInputs& inputs) {
  store::InputList out;
  append_layers("layer", inputs.results.front()->layers, out);
  for (std::size_t i = 1; i < inputs.results.size(); ++i)
    append_layers(fmt::format("{}{}", input_word(inputs.vertex), i), inputs.results[i]->layers,
                  out);
  return out.text;
}

/// Of a list what it says of the root file system.
std::string root_alone(const std::string& list) {
  std::size_t end = 0;
  while (std::string_view(list).substr(end).starts_with("layer:")) end = list.find('\n', end) + 1;
  return list.substr(0, end);
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
  /// One of the runs is known by the layers of what it took files from: those say less.
  bool by_layers = false;
};

/// Which input a stack of a list belongs to.
std::size_t input_of(const llb::Vertex& vertex, const std::string& stack) {
  const auto digits = stack.find_first_of("0123456789");
  const auto number = parse_uint(stack.substr(std::min(digits, stack.size())));
  if (!number) return 0;
  const auto at = static_cast<std::size_t>(*number);
  if (!stack.starts_with("cache")) return at;
  const auto* op = std::get_if<llb::ExecOp>(&vertex.op);
  if (op == nullptr || at >= op->mounts.size()) return 0;
  const auto* cache = std::get_if<llb::CacheMount>(&op->mounts[at]);
  return cache == nullptr ? 0 : cache->input.value_or(0);
}

void add_maker(const llb::Vertex& maker, const std::string& before, const std::string& after,
               Comparison& out) {
  const bool is_image = std::holds_alternative<llb::ImageSource>(maker.op);
  if (!is_image && out.below == nullptr) out.below = &maker;
  out.changes.push_back({is_image ? Change::Kind::base : Change::Kind::below,
                         is_image ? base_name(maker) : maker.origin.name, shortened(before),
                         shortened(after)});
}

void add_stack(const StepInputs& inputs, const StackDiff& diff, Comparison& out) {
  const std::size_t input = input_of(inputs.vertex, diff.name);
  if (input >= inputs.results.size()) return;
  const auto& makers = inputs.results[input]->makers;
  if (makers.empty()) return;
  // A stack that ends early: the step that made its last layer is where they part.
  add_maker(*makers[std::min(diff.first, makers.size() - 1)], diff.before, diff.after, out);
}

/// --link, if it is what one of two runs had and the other had not: only what is linked stands on
/// nothing, and what is copied into scratch.
bool add_link(const llb::Vertex& vertex, const store::EarlierRecord& earlier,
              const std::string& before, const std::string& after, Comparison& out) {
  const bool had_root = before.starts_with("layer:"), has_root = after.starts_with("layer:");
  if (had_root == has_root || !std::holds_alternative<llb::FileOp>(vertex.op)) return false;
  const bool has = says_link(vertex.origin.instruction);
  if (has == has_root || (has_root && !says_link(earlier.instruction))) return false;
  out.changes.push_back({Change::Kind::option, "--link", has ? "no" : "yes", has ? "yes" : "no"});
  return true;
}

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
  std::string before = *earlier_list, after = record.inputs.text;
  const bool had_layers = is_by_layers(vertex, before), has_layers = is_by_layers(vertex, after);
  out.by_layers = had_layers || has_layers;
  if (had_layers) after = list_by_layers(inputs);
  if (has_layers && !had_layers) before = root_alone(before), after = root_alone(after);
  InputDiff diff = diff_inputs(before, after, input_sources(vertex, earlier.operation),
                               input_sources(vertex, record.operation));
  const bool has_linked = add_link(vertex, earlier, before, after, out);
  std::ranges::move(diff.files, std::back_inserter(out.changes));
  const std::size_t others = out.changes.size();
  for (const auto& stack : diff.stacks) {
    if (stack.name != "layer" || !has_linked) add_stack(inputs, stack, out);
  }
  // Files that are not here yet: another result is all that can be said.
  for (std::size_t i = 1; has_layers && !had_layers && i < inputs.results.size(); ++i) {
    const auto& result = *inputs.results[i];
    if (!result.makers.empty())
      add_maker(*result.makers.back(), "", result.layers.back().str(), out);
  }
  out.only_below = others == 0 && out.changes.size() == 1 && out.below != nullptr;
  return out;
}

/// Whether `a` tells more than `b`.
bool is_nearer(const Comparison& a, const Comparison& b) {
  if (a.by_layers != b.by_layers) return b.by_layers;
  return a.changes.size() < b.changes.size();
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
    // Files for a mount are copied by a step of their own.
    if (!llb::are_of_one_kind(earlier.operation, record.operation)) continue;
    Comparison comparison = compare(context, inputs, record, inputs_digest, earlier);
    if (comparison.changes.empty()) continue;
    if (nearest && !is_nearer(comparison, *nearest)) continue;
    nearest = std::move(comparison);
    reason.compared = earlier.created;
    reason.milliseconds = earlier.milliseconds;
    if (nearest->changes.size() == 1 && !nearest->by_layers) break;  // none differs less
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
