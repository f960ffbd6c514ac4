// SPDX-License-Identifier: Apache-2.0
#include "cli/cache_pruning.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <regex>

#include "base/strings.h"
#include "cli/storage_policy.h"
#include "format/units.h"
#include "os/fd.h"

namespace kiln::cli {
namespace {

/// std::regex throws; nullopt for an expression that is none.
std::optional<bool> contains_match(const std::string& text, const std::string& expression) {
  try {
    return std::regex_search(text, std::regex(expression));
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

bool is_true_word(const std::string& word) { return word == "true" || word == "1" || word == "t"; }

std::vector<std::string> values_of(const store::CacheEntry& entry, const std::string& key) {
  const auto truth = [](bool value) { return std::vector<std::string>{value ? "true" : "false"}; };
  const bool changes = entry.type != store::CacheEntry::Type::regular;
  if (key == "id") return {entry.id};
  if (key == "parents") return entry.parents;
  if (key == "description") return {entry.description};
  if (key == "type") return {type_word(entry.type)};
  if (key == "inuse") return truth(!entry.reclaimable);
  if (key == "mutable") return truth(changes);
  if (key == "immutable") return truth(!changes);
  if (key == "shared") return truth(entry.shared);
  if (key == "private") return truth(!entry.shared);
  return {};
}

bool is_flag(const std::string& key) {
  constexpr std::array kFlags = {"inuse", "mutable", "immutable", "shared", "private"};
  return std::ranges::find(kFlags, key) != kFlags.end();
}

}  // namespace

std::string type_word(store::CacheEntry::Type type) {
  switch (type) {
    case store::CacheEntry::Type::regular:
      return "regular";
    case store::CacheEntry::Type::local_source:
      return "source.local";
    case store::CacheEntry::Type::cache_mount:
      return "exec.cachemount";
    case store::CacheEntry::Type::fetched:
      return "source.fetched";
    case store::CacheEntry::Type::repository:
      return "source.git.checkout";
    case store::CacheEntry::Type::internal:
      return "internal";
  }
  return {};
}

Result<std::int64_t> parse_until(const std::string& text, std::int64_t now) {
  if (const auto duration = format::parse_duration(text))
    return now - std::chrono::duration_cast<std::chrono::seconds>(*duration).count();
  if (const auto time = parse_rfc3339(text)) return time->seconds;
  for (const char* rest : {"Z", ":00Z", "T00:00:00Z"}) {
    if (const auto time = parse_rfc3339(text + rest)) return time->seconds;
  }
  if (const auto seconds = parse_uint(text.substr(0, text.find('.'))))
    return static_cast<std::int64_t>(*seconds);
  return invalid_input("failed to parse value as time or duration: \"" + text + "\"");
}

Result<CacheFilters> CacheFilters::parse(const std::vector<std::string>& filters,
                                         std::int64_t now) {
  CacheFilters out;
  for (const auto& text : filters) {
    const auto at = text.find('=');
    Filter filter{text, Comparison::equal, "true"};
    if (at != std::string::npos) {
      filter = {text.substr(0, at), Comparison::equal, text.substr(at + 1)};
      if (filter.key.ends_with('!')) filter.comparison = Comparison::different;
      if (filter.key.ends_with('~')) filter.comparison = Comparison::like;
      if (filter.comparison != Comparison::equal) filter.key.pop_back();
    } else if (!is_flag(text)) {
      return invalid_input("bad format of filter (expected name=value)");
    }
    filter.key = to_lower(trim(filter.key));
    if (filter.key == "until" || filter.key == "unused-for") {
      out.used_before_ = TRY(parse_until(filter.value, now));
      continue;
    }
    if (filter.comparison == Comparison::like && !contains_match("", filter.value))
      return invalid_input("invalid regular expression in filter: " + filter.value);
    out.filters_.push_back(std::move(filter));
  }
  return out;
}

bool CacheFilters::matches(const store::CacheEntry& entry) const {
  if (used_before_ && entry.used >= *used_before_) return false;
  return std::ranges::all_of(filters_, [&](const Filter& filter) {
    const std::vector<std::string> values = values_of(entry, filter.key);
    const auto holds = [&](const std::string& value) {
      if (filter.comparison == Comparison::like)
        return contains_match(value, filter.value).value_or(false);
      if (is_flag(filter.key)) return is_true_word(value) == is_true_word(filter.value);
      return value == filter.value;
    };
    const bool any = std::ranges::any_of(values, holds);
    return filter.comparison == Comparison::different ? !any : any;
  });
}

std::vector<store::CacheEntry> choose_victims(const std::vector<store::CacheEntry>& entries,
                                              const PruneLimits& limits) {
  std::uint64_t total = 0;
  for (const auto& entry : entries) {
    if (entry.reclaimable && !entry.shared) total += entry.size;
  }
  const auto above = [](std::uint64_t have, std::uint64_t want) {
    return have > want ? have - want : 0;
  };
  const bool limited = limits.reserved || limits.max_used || limits.min_free;
  std::uint64_t wanted = limited ? 0 : total;
  if (limits.max_used) wanted = std::max(wanted, above(total, *limits.max_used));
  if (limits.min_free) wanted = std::max(wanted, above(*limits.min_free, limits.available));
  if (limits.reserved) {
    const std::uint64_t beyond = above(total, *limits.reserved);
    const bool alone = !limits.max_used && !limits.min_free;
    wanted = alone ? beyond : std::min(wanted, beyond);
  }
  std::vector<store::CacheEntry> out;
  std::uint64_t freed = 0;
  for (const auto& entry : entries) {
    if (limited && freed >= wanted) break;
    if (!entry.reclaimable) continue;
    // Dropping what an image keeps frees nothing.
    if (limited && entry.shared) continue;
    if (!entry.shared) freed += entry.size;
    out.push_back(entry);
  }
  return out;
}

namespace {

/// Of what can be in use, and then stays.
bool is_still_there(const store::Store& store, const store::CacheEntry& entry) {
  const store::StorePaths& paths = store.paths();
  switch (entry.type) {
    case store::CacheEntry::Type::cache_mount:
      return os::path_exists(paths.cache_mounts() + "/" + entry.file);
    case store::CacheEntry::Type::fetched:
      return os::path_exists(paths.remote() + "/trees/" + entry.file);
    case store::CacheEntry::Type::repository:
      return os::path_exists(paths.remote() + "/mirrors/" + entry.file);
    default:
      return false;
  }
}

}  // namespace

Result<std::uint64_t> prune_entries(store::Store& store,
                                    const std::vector<store::CacheEntry>& entries) {
  const store::LayerUsage before = TRY(store.cache().usage());
  TRY(store.cache().forget(entries));
  std::uint64_t freed = 0;
  for (const auto& entry : entries) {
    const bool in_use = is_still_there(store, entry);
    if (!entry.file.empty() && !in_use) freed += entry.size;
  }
  TRY(delete_layers(store));
  TRY(store.cache().compact());
  const store::LayerUsage after = TRY(store.cache().usage());
  return freed + (before.bytes > after.bytes ? before.bytes - after.bytes : 0);
}

}  // namespace kiln::cli
