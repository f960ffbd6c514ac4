// SPDX-License-Identifier: Apache-2.0
#include "solver/step_cache.h"

#include <algorithm>

#include "solver/offers.h"

namespace kiln::solver {

StepOutcomeResult missed_step(MissReason reason) {
  StepOutcomeResult out;
  out.missed = std::move(reason);
  return out;
}

namespace {

StepOutcomeResult hit(const StepInputs& inputs, const store::CacheRecord& record, CacheImport* from,
                      const std::string& key) {
  StepOutcomeResult out;
  out.result.layers = inputs.results.front()->layers;
  out.result.layers.push_back(*record.layer);
  out.result.created = record.created;
  out.cached = true;
  out.milliseconds = record.milliseconds;
  out.from = from;
  out.key_there = key;
  return out;
}

/// What the store has under `key`, if the layer is there too.
Result<std::optional<store::CacheRecord>> find_whole(SolveContext& context,
                                                     const std::string& key) {
  auto record = TRY(context.store.records().find(key));
  if (!record || !record->layer) return std::optional<store::CacheRecord>();
  const auto layer = TRY(context.store.layers().find(*record->layer));
  if (!layer) return std::optional<store::CacheRecord>();
  context.note_used(key);
  return record;
}

Result<std::optional<store::CacheRecord>> find_imported(SolveContext& context, CacheImport& from,
                                                        const StepInputs& inputs,
                                                        const std::string& key,
                                                        const MakeRecord& make_record) {
  if (context.imported.is_distrusted(from, key)) return std::optional<store::CacheRecord>();
  auto known = TRY(find_whole(context, ImportedLayers::local_key(from.place(), key)));
  if (known) return known;
  auto found = from.find(key, inputs.stop);
  if (!found) found = find_offered(context, from, inputs, key);
  if (!found) return std::optional<store::CacheRecord>();
  store::CacheRecord record = make_record();
  record.key = key;
  record.layer = found->layer;
  record.created = found->created;
  record.milliseconds = found->milliseconds;
  if (context.steps == Steps::run) TRY(context.imported.expect(from, key, record));
  return std::optional(std::move(record));
}

}  // namespace

Result<std::optional<StepOutcomeResult>> find_step(SolveContext& context, const StepInputs& inputs,
                                                   const std::string& key,
                                                   const MakeRecord& make_record) {
  auto known = TRY(find_whole(context, key));
  CacheImport* origin = nullptr;
  for (const auto& from : context.imports) {
    if (known) break;
    known = TRY(find_imported(context, *from, inputs, key, make_record));
    origin = from.get();
  }
  if (!known) return std::optional<StepOutcomeResult>();
  context.note_result({key, inputs.vertex.origin.instruction, *known->layer, known->created,
                       known->milliseconds, /*ran=*/false});
  return std::optional(hit(inputs, *known, origin, key));
}

bool are_away(const SolveContext& context, const std::vector<oci::DiffId>& layers) {
  return std::ranges::any_of(layers, [&](const oci::DiffId& layer) {
    const auto there = context.store.layers().find(layer);
    return !there || !*there;
  });
}

Result<void> keep_record(SolveContext& context, store::CacheRecord record,
                         const StepOutcomeResult& outcome,
                         const std::vector<std::string>& other_keys) {
  record.layer = outcome.result.layers.back();
  record.created = outcome.result.created;
  record.milliseconds = outcome.milliseconds;
  const auto note = [&](const std::string& key) {
    context.note_result({key, record.instruction, *record.layer, record.created,
                         record.milliseconds, !outcome.cached});
  };
  note(record.key);
  for (const auto& key : other_keys) note(key);
  if (outcome.from == nullptr) return context.store.records().put(record, other_keys);
  TRY(context.imported.expect(*outcome.from, outcome.key_there, record));
  for (const auto& key : other_keys) {
    record.key = key;
    TRY(context.imported.expect(*outcome.from, outcome.key_there, record));
  }
  return {};
}

std::int64_t milliseconds_since(std::chrono::steady_clock::time_point start) {
  const auto elapsed = std::chrono::steady_clock::now() - start;
  return std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
}

}  // namespace kiln::solver
