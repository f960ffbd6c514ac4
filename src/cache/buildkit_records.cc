// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_records.h"

#include <algorithm>

#include "base/json.h"

namespace kiln::cache {
namespace {

using nlohmann::json;
using Layers = std::vector<BuildkitRecords::ListedLayer>;

Error no_such(const char* what, std::int64_t number) {
  return corrupt("a cache record of " + std::string(what) + " " + std::to_string(number) +
                 ", which there is not");
}

Result<std::size_t> index_of(const json& object, const char* key, const char* what,
                             std::size_t count) {
  const std::int64_t number = TRY(json_int(object, key));
  if (number < 0 || static_cast<std::size_t>(number) >= count) return no_such(what, number);
  return static_cast<std::size_t>(number);
}

Result<const json*> as_object(const json& value) {
  if (!value.is_object()) return corrupt("a cache record that is none");
  return &value;
}

using Stack = std::optional<std::vector<BuildkitLayer>>;

/// The layer and all below it; nullopt if one of them can't be had.
Result<Stack> stack_below(const Layers& layers, std::size_t top) {
  Stack out(std::in_place);
  for (std::size_t at = top;;) {
    if (!layers[at].layer) return Stack();
    out->push_back(*layers[at].layer);
    const std::int64_t parent = layers[at].parent;
    if (parent == -1) break;
    if (parent < 0 || static_cast<std::size_t>(parent) >= layers.size())
      return no_such("layer", parent);
    if (out->size() > layers.size()) return corrupt("layers that stand on each other");
    at = static_cast<std::size_t>(parent);
  }
  std::ranges::reverse(*out);
  return out;
}

Result<Stack> listed(const Layers& layers, const json& numbers) {
  Stack out(std::in_place);
  for (const auto& number : numbers) {
    const json named = {{"layer", number}};
    const std::size_t at = TRY(index_of(named, "layer", "layer", layers.size()));
    if (!layers[at].layer) return Stack();
    out->push_back(*layers[at].layer);
  }
  return out;
}

/// The newest of a record's results that can be had.
Result<std::optional<BuildkitRecords::Outcome>> outcome_of(const json& record,
                                                           const Layers& layers) {
  std::optional<BuildkitRecords::Outcome> out;
  const auto consider = [&](Stack stack, const std::string& created) {
    const TimePoint time = parse_rfc3339(created).value_or(TimePoint());
    if (!stack || stack->empty() || (out && out->created >= time)) return;
    out = {*std::move(stack), time};
  };
  const json results = TRY(json_array(record, "layers"));
  for (const auto& result : results) {
    const json* object = TRY(as_object(result));
    const std::size_t top = TRY(index_of(*object, "layer", "layer", layers.size()));
    const std::string created = TRY(json_string(*object, "createdAt"));
    Stack stack = TRY(stack_below(layers, top));
    consider(std::move(stack), created);
  }
  const json chains = TRY(json_array(record, "chains"));
  for (const auto& chain : chains) {
    const json* object = TRY(as_object(chain));
    const json numbers = TRY(json_array(*object, "layers"));
    const std::string created = TRY(json_string(*object, "createdAt"));
    Stack stack = TRY(listed(layers, numbers));
    consider(std::move(stack), created);
  }
  return out;
}

/// Records are numbered from `first` on, `count` of them.
Result<std::vector<BuildkitRecords::Choices>> inputs_of(const json& record, std::size_t first,
                                                        std::size_t count) {
  std::vector<BuildkitRecords::Choices> out;
  const json inputs = TRY(json_array(record, "inputs"));
  for (const auto& input : inputs) {
    if (!input.is_array() || input.empty()) return corrupt("a cache record without one input");
    auto& choices = out.emplace_back();
    for (const auto& link : input) {
      const json* object = TRY(as_object(link));
      const std::size_t number = TRY(index_of(*object, "link", "record", count));
      const std::string selector = TRY(json_string(*object, "selector"));
      choices.insert({first + number, selector});
    }
  }
  return out;
}

bool has_any(const BuildkitRecords::Choices& stands_on, const BuildkitRecords::Choices& offered) {
  return std::ranges::any_of(
      stands_on, [&](const BuildkitRecords::Link& link) { return offered.contains(link); });
}

}  // namespace

Result<void> BuildkitRecords::add(const json& records, const Layers& layers) {
  if (!records.is_array()) return corrupt("cache records that are no list");
  const std::size_t first = records_.size();
  std::vector<Record> added;
  std::vector<std::string> digests;
  for (const auto& each : records) {
    const json* object = TRY(as_object(each));
    Record record;
    std::string digest = TRY(json_string(*object, "digest"));
    record.inputs = TRY(inputs_of(*object, first, records.size()));
    record.outcome = TRY(outcome_of(*object, layers));
    digests.push_back(std::move(digest));
    added.push_back(std::move(record));
  }
  for (std::size_t i = 0; i < added.size(); ++i) {
    by_digest_.emplace(std::move(digests[i]), records_.size());
    records_.push_back(std::move(added[i]));
  }
  return {};
}

BuildkitRecords::Matches BuildkitRecords::find(const std::string& digest,
                                               const std::vector<Choices>& inputs) const {
  Matches out;
  const auto [begin, end] = by_digest_.equal_range(digest);
  for (auto it = begin; it != end; ++it) {
    const Record& record = records_[it->second];
    if (std::ranges::equal(record.inputs, inputs, has_any)) out.insert(it->second);
  }
  return out;
}

const BuildkitRecords::Outcome* BuildkitRecords::outcome(const Matches& records) const {
  const Outcome* out = nullptr;
  for (const std::size_t number : records) {
    const auto& found = records_[number].outcome;
    if (found && (out == nullptr || found->created > out->created)) out = &*found;
  }
  return out;
}

}  // namespace kiln::cache
