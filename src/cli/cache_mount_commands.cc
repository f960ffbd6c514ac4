// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "format/table.h"
#include "format/units.h"
#include "os/disk_space.h"

namespace kiln::cli {
namespace {

using store::CacheMountRecord;

const format::TableStyle kStyle = {
    "table {{.ID}}\t{{.Name}}\t{{.Size}}\t{{.CreatedAt}}\t{{.LastUsedAt}}",
    "{{.ID}}",
    {{"ID", "ID"},
     {"Name", "NAME"},
     {"Size", "SIZE"},
     {"CreatedAt", "CREATED AT"},
     {"LastUsedAt", "LAST USED AT"}}};

}  // namespace

Result<int> list_cache_mounts_command(const Session& session, std::vector<std::string> words) {
  std::string format;
  bool quiet = false;
  FlagSet set(session.command, "[OPTIONS]", "List the directories of RUN --mount=type=cache");
  set.option("--format", format, "table, json or a Go template")
      .flag("-q,--quiet", quiet, "ids alone")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::layers));
  std::vector<CacheMountRecord> records = TRY(store.cache_mounts().list());
  std::ranges::stable_sort(records, {}, &CacheMountRecord::id);
  std::vector<nlohmann::json> rows;
  for (const auto& record : records) {
    const std::uint64_t size =
        os::disk_usage(store.paths().cache_mounts() + "/" + record.name + "/fs");
    rows.push_back({{"ID", record.id},
                    {"Name", format::truncate_id(record.name)},
                    {"Size", format::human_size(static_cast<double>(size))},
                    {"CreatedAt", format_rfc3339(record.created.seconds)},
                    {"LastUsedAt", format_rfc3339(record.used.seconds)}});
  }
  const std::string out = TRY(
      format::render_rows(format, kStyle, rows, quiet ? format::Quiet::yes : format::Quiet::no));
  TRY(print(out));
  return 0;
}

Result<int> remove_cache_mounts_command(const Session& session, std::vector<std::string> words) {
  bool all = false;
  FlagSet set(session.command, "[OPTIONS] [ID...]",
              "Delete directories of RUN --mount=type=cache, by id or name");
  set.flag("--all", all, "all of them").arguments(0, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (all != parsed.arguments.empty()) return invalid_input("give ids, or --all alone");
  store::Store store = TRY(session.open_store(Access::layers));
  const std::vector<CacheMountRecord> records = TRY(store.cache_mounts().list());
  std::set<std::string> unknown(parsed.arguments.begin(), parsed.arguments.end());
  int code = 0;
  for (const auto& record : records) {
    const auto named = std::ranges::find_if(parsed.arguments, [&](const std::string& word) {
      return word == record.id || (word.size() >= 12 && record.name.starts_with(word));
    });
    if (!all && named == parsed.arguments.end()) continue;
    if (!all) unknown.erase(*named);
    const bool removed = TRY(store.cache_mounts().remove(record.name));
    if (!removed) {
      print_error("kiln: " + record.id + ": a step uses it");
      code = 1;
    }
  }
  for (const auto& word : unknown) {
    print_error("kiln: " + word + ": no such cache mount");
    code = 1;
  }
  return code;
}

}  // namespace kiln::cli
