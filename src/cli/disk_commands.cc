// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"
#include "cli/cache_pruning.h"
#include "cli/cache_text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/time_text.h"
#include "format/table.h"
#include "format/units.h"
#include "oci/reference.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using store::CacheEntry;

std::string word(bool value) { return value ? "true" : "false"; }

const format::TableStyle kDuStyle = {"table {{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsedAt}}",
                                     "{{.ID}}",
                                     {{"ID", "ID"},
                                      {"Reclaimable", "RECLAIMABLE"},
                                      {"Size", "SIZE"},
                                      {"LastUsedAt", "LAST ACCESSED"},
                                      {"CreatedAt", "CREATED AT"},
                                      {"Description", "DESCRIPTION"},
                                      {"Mutable", "MUTABLE"},
                                      {"Parents", "PARENTS"},
                                      {"Shared", "SHARED"},
                                      {"Type", "TYPE"},
                                      {"UsageCount", "USAGE COUNT"}}};

std::vector<json> du_rows(const std::vector<CacheEntry>& entries, bool table) {
  std::vector<json> rows;
  for (const auto& entry : entries) {
    // In a table docker marks what can change and what is shared.
    rows.push_back({{"ID", entry.id + (table && is_mutable(entry) ? "*" : "")},
                    {"Reclaimable", entry.reclaimable},
                    {"Size", cache_size_text(entry.size) + (table && entry.shared ? "*" : "")},
                    {"LastUsedAt", ago_text(entry.used)},
                    {"CreatedAt", go_time_text(entry.created)},
                    {"Description", entry.description},
                    {"Mutable", is_mutable(entry)},
                    {"Parents", entry.parents.empty() ? json() : json(entry.parents)},
                    {"Shared", entry.shared},
                    {"Type", type_word(entry.type)},
                    {"UsageCount", entry.uses}});
  }
  return rows;
}

struct Totals {
  std::uint64_t all = 0, shared = 0, reclaimable = 0;
};
Totals totals_of(const std::vector<CacheEntry>& entries) {
  Totals out;
  for (const auto& entry : entries) {
    out.all += entry.size;
    if (entry.shared) out.shared += entry.size;
    if (entry.reclaimable) out.reclaimable += entry.size;
  }
  return out;
}

std::string totals_text(const Totals& totals) {
  std::string out;
  if (totals.shared > 0)
    out += fmt::format("Shared:\t\t{}\nPrivate:\t{}\n", cache_size_text(totals.shared),
                       cache_size_text(totals.all - totals.shared));
  return out + fmt::format("Reclaimable:\t{}\nTotal:\t\t{}\n", cache_size_text(totals.reclaimable),
                           cache_size_text(totals.all));
}

// --- system df

/// How much of each image is shared with others, by the bytes that its layers take on disk.
struct ImageUsage {
  store::Image image;
  std::uint64_t size = 0, shared = 0;
};

struct DiskReport {
  std::vector<ImageUsage> images;
  std::uint64_t image_bytes = 0;
  std::vector<CacheEntry> cache;
  std::uint64_t cache_bytes = 0;  ///< without what images have too
  std::uint64_t cache_reclaimable = 0;
};

Result<DiskReport> report_disk(store::Store& store) {
  DiskReport out;
  const std::vector<store::Image> images = TRY(store.images().list());
  for (const auto& image : images) {
    ImageUsage usage{image, 0, 0};
    const auto config = store.images().config(image);
    if (config) {
      for (const auto& layer : config->diff_ids) {
        const std::uint64_t bytes = TRY(store.cache().layer_bytes(layer));
        const bool is_shared = TRY(store.cache().is_shared(layer));
        usage.size += bytes;
        if (is_shared) usage.shared += bytes;
      }
    }
    out.images.push_back(std::move(usage));
  }
  out.image_bytes = TRY(store.cache().image_bytes());
  out.cache = TRY(store.cache().list());
  for (const auto& entry : out.cache) {
    if (entry.shared) continue;
    out.cache_bytes += entry.size;
    if (entry.reclaimable) out.cache_reclaimable += entry.size;
  }
  return out;
}

const format::TableStyle kDfStyle = {
    "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    "{{.Type}}",
    {{"Type", "TYPE"},
     {"TotalCount", "TOTAL"},
     {"Active", "ACTIVE"},
     {"Size", "SIZE"},
     {"Reclaimable", "RECLAIMABLE"}}};

std::vector<json> df_rows(const DiskReport& report) {
  const auto row = [](const std::string& type, std::size_t total, const std::string& size,
                      const std::string& reclaimable) {
    return json{{"Type", type},
                {"TotalCount", std::to_string(total)},
                {"Active", "0"},
                {"Size", size},
                {"Reclaimable", reclaimable}};
  };
  const std::string images = cache_size_text(report.image_bytes);
  return {row("Images", report.images.size(), images,
              report.image_bytes == 0 ? images : images + " (100%)"),
          row("Containers", 0, "0B", "0B"), row("Local Volumes", 0, "0B", "0B"),
          row("Build Cache", report.cache.size(), cache_size_text(report.cache_bytes),
              cache_size_text(report.cache_reclaimable))};
}

/// A template of `-v` sees everything at once.
const format::TableStyle kVerboseStyle = {"",
                                          "",
                                          {{"Images", "IMAGES"},
                                           {"Containers", "CONTAINERS"},
                                           {"Volumes", "VOLUMES"},
                                           {"BuildCache", "BUILD CACHE"}}};

const format::TableStyle kImageUsageStyle = {
    "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t"
    "{{.UniqueSize}}\t{{.Containers}}",
    "{{.ID}}",
    {{"Repository", "REPOSITORY"},
     {"Tag", "TAG"},
     {"ID", "IMAGE ID"},
     {"CreatedSince", "CREATED"},
     {"Size", "SIZE"},
     {"SharedSize", "SHARED SIZE"},
     {"UniqueSize", "UNIQUE SIZE"},
     {"Containers", "CONTAINERS"}}};

std::vector<json> image_usage_rows(const DiskReport& report) {
  std::vector<json> rows;
  for (const auto& [image, size, shared] : report.images) {
    std::vector<std::pair<std::string, std::string>> names;
    for (const auto& name : image.names) {
      const auto reference = oci::Reference::parse(name);
      if (reference) names.emplace_back(reference->familiar_name(), reference->tag().value_or(""));
    }
    if (names.empty()) names.emplace_back("<none>", "<none>");
    for (const auto& [repository, tag] : names)
      rows.push_back({{"Repository", repository},
                      {"Tag", tag},
                      {"ID", image.id.short_hex()},
                      {"CreatedSince", image.created > 0 ? ago_text(image.created) : "N/A"},
                      {"Size", cache_size_text(size)},
                      {"SharedSize", cache_size_text(shared)},
                      {"UniqueSize", cache_size_text(size - shared)},
                      {"Containers", "0"}});
  }
  return rows;
}

const format::TableStyle kCacheUsageStyle = {
    "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t"
    "{{.UsageCount}}\t{{.Shared}}",
    "{{.ID}}",
    {{"ID", "CACHE ID"},
     {"CacheType", "CACHE TYPE"},
     {"Size", "SIZE"},
     {"CreatedSince", "CREATED"},
     {"LastUsedSince", "LAST USED"},
     {"UsageCount", "USAGE"},
     {"Shared", "SHARED"}}};

std::vector<json> cache_usage_rows(const DiskReport& report) {
  std::vector<json> rows;
  for (const auto& entry : report.cache)
    rows.push_back({{"ID", format::truncate_id(entry.id)},
                    {"CacheType", type_word(entry.type)},
                    {"Size", cache_size_text(entry.size)},
                    {"CreatedSince", ago_text(entry.created)},
                    {"LastUsedSince", ago_text(entry.used)},
                    {"UsageCount", std::to_string(entry.uses)},
                    {"Shared", word(entry.shared)}});
  return rows;
}

Result<std::string> verbose_df(const DiskReport& report) {
  const std::string images =
      TRY(format::render_rows("table", kImageUsageStyle, image_usage_rows(report)));
  const std::string cache =
      TRY(format::render_rows("table", kCacheUsageStyle, cache_usage_rows(report)));
  return "Images space usage:\n\n" + images +
         "\nContainers space usage:\n\nCONTAINER ID   IMAGE     COMMAND   LOCAL VOLUMES   SIZE     "
         " "
         "CREATED   STATUS    NAMES\n\nLocal Volumes space usage:\n\nVOLUME NAME   LINKS     "
         "SIZE\n\nBuild cache usage: " +
         cache_size_text(report.cache_bytes) + "\n\n" + cache;
}

}  // namespace

Result<int> du_command(const Session& session, std::vector<std::string> words) {
  std::vector<std::string> filters;
  std::string format, builder;
  bool verbose = false, debug = false;
  FlagSet set(session.command, "[OPTIONS]", "Disk usage");
  set.option("--builder", builder, "accepted: there is one")
      .flag("-D,--debug", debug, "accepted: there is no more to say")
      .list("--filter", filters,
            "KEY=VALUE, KEY!=VALUE or KEY~=EXPRESSION; keys as in docs/storage.md")
      .option("--format", format, "table, json, pretty or a Go template")
      .flag("--verbose", verbose, "the same as --format=pretty")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (verbose && !format.empty() && format != "pretty")
    return invalid_input("--format and --verbose cannot be used together");
  const CacheFilters wanted = TRY(CacheFilters::parse(filters, os::wall_clock().seconds));
  store::Store store = TRY(session.open_store(Access::layers));
  std::vector<CacheEntry> entries = TRY(store.cache().list());
  std::erase_if(entries, [&](const CacheEntry& entry) { return !wanted.matches(entry); });
  std::ranges::sort(entries, {}, &CacheEntry::id);
  const bool is_pretty = verbose || format == "pretty";
  const bool table = format.empty() || format == "table";
  std::string out;
  if (is_pretty) {
    for (const auto& entry : entries) out += describe_entry(entry);
  } else {
    out = TRY(format::render_rows(format, kDuStyle, du_rows(entries, table)));
  }
  // As docker does it: a part has no sum.
  if (filters.empty() && (is_pretty || table)) out += totals_text(totals_of(entries));
  TRY(print(out));
  return 0;
}

Result<int> system_df_command(const Session& session, std::vector<std::string> words) {
  std::string format;
  bool verbose = false;
  FlagSet set(session.command, "[OPTIONS]", "Show how much the store takes");
  set.option("--format", format, "table, json or a Go template")
      .flag("-v,--verbose", verbose, "one line for each image and entry of the cache")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::layers));
  const DiskReport report = TRY(report_disk(store));
  std::string out;
  if (verbose && !format.empty() && format != "table") {
    const json all = {{"Images", image_usage_rows(report)},
                      {"Containers", json::array()},
                      {"Volumes", json::array()},
                      {"BuildCache", cache_usage_rows(report)}};
    out = TRY(format::render_rows(format, kVerboseStyle, {all}));
  } else if (verbose) {
    out = TRY(verbose_df(report));
  } else {
    out = TRY(format::render_rows(format, kDfStyle, df_rows(report)));
  }
  TRY(print(out));
  return 0;
}

}  // namespace kiln::cli
