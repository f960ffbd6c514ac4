// SPDX-License-Identifier: Apache-2.0
#include "cli/cache_text.h"

#include <fmt/format.h>

#include "cli/cache_pruning.h"
#include "cli/time_text.h"
#include "format/units.h"

namespace kiln::cli {

std::string cache_size_text(std::uint64_t bytes) {
  constexpr int kDigits = 4;
  return format::human_size(static_cast<double>(bytes), kDigits);
}

bool is_mutable(const store::CacheEntry& entry) {
  return entry.type != store::CacheEntry::Type::regular;
}

std::string describe_entry(const store::CacheEntry& entry) {
  std::string out = fmt::format("ID:           {}\n", entry.id);
  if (!entry.parents.empty()) {
    out += "Parents:\n";
    for (const auto& parent : entry.parents) out += " - " + parent + "\n";
  }
  out +=
      fmt::format("Created at:   {}\nMutable:      {}\nReclaimable:  {}\nShared:       {}\n",
                  go_time_text(entry.created), is_mutable(entry), entry.reclaimable, entry.shared);
  out += fmt::format("Size:         {}\nDescription:  {}\nUsage count:  {}\n",
                     cache_size_text(entry.size), entry.description, entry.uses);
  if (entry.used > 0) out += fmt::format("Last used:    {}\n", ago_text(entry.used));
  return out + fmt::format("Type:         {}\n\n", type_word(entry.type));
}

}  // namespace kiln::cli
