// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/build_cache.h"
#include "store/store.h"

namespace kiln::cli {

/// docker's `--filter`s of a cache: `type=regular`, `description~=RUN`, `shared`, `until=24h`. All
/// of them have to hold.
class CacheFilters {
 public:
  /// Kind invalid_input for a time or an expression that is none. `now` in seconds.
  static Result<CacheFilters> parse(const std::vector<std::string>& filters, std::int64_t now);
  bool matches(const store::CacheEntry& entry) const;

 private:
  enum class Comparison { equal, different, like };
  struct Filter {
    std::string key;
    Comparison comparison = Comparison::equal;
    std::string value;
  };
  std::vector<Filter> filters_;
  std::optional<std::int64_t> used_before_;
};

/// docker's word for a type: `regular`, `source.local`, `internal`.
std::string type_word(store::CacheEntry::Type type);

/// Seconds: a duration before `now`, or a time. Kind invalid_input in docker's words.
Result<std::int64_t> parse_until(const std::string& text, std::int64_t now);

/// How far to go; without any limit everything goes.
struct PruneLimits {
  std::optional<std::uint64_t> reserved;  ///< this much of the cache stays in any case
  std::optional<std::uint64_t> max_used;  ///< the cache may take this much
  std::optional<std::uint64_t> min_free;  ///< this much shall be free on the file system
  std::uint64_t available = 0;            ///< so much is
};

/// The entries to drop out of `entries`, which has the least recently used first.
std::vector<store::CacheEntry> choose_victims(const std::vector<store::CacheEntry>& entries,
                                              const PruneLimits& limits);

/// Drops entries and the layers that then nothing needs. Returns how many bytes that freed; what
/// another process that uses the store kept from being deleted does not count.
Result<std::uint64_t> prune_entries(store::Store& store,
                                    const std::vector<store::CacheEntry>& entries);

}  // namespace kiln::cli
