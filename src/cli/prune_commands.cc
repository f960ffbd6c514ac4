// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "base/strings.h"
#include "cli/cache_pruning.h"
#include "cli/cache_text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/storage_policy.h"
#include "cli/time_text.h"
#include "format/units.h"
#include "oci/reference.h"
#include "os/disk_space.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

using store::CacheEntry;

/// docker's question; only a yes is one.
Result<bool> confirmed(bool force, const std::string& warning) {
  if (force) return true;
  TRY(print(warning + "Are you sure you want to continue? [y/N] "));
  std::string answer;
  std::getline(std::cin, answer);
  answer = to_lower(trim(answer));
  return answer == "y" || answer == "yes";
}

/// What is in the way of deleting layers is worth a word, not a failure.
void warn_of_leftovers(store::Store& store) {
  const auto left = store.cache().unreferenced_layers();
  if (left && !left->empty())
    print_error(fmt::format(
        "kiln: {} layers are still on the disk: another kiln uses the store; they go with the next "
        "prune",
        left->size()));
}

Result<std::optional<std::uint64_t>> space_option(const std::string& text, const std::string& flag,
                                                  std::uint64_t whole) {
  if (text.empty()) return std::optional<std::uint64_t>();
  const std::uint64_t bytes = TRY(parse_space(text, whole).context("invalid argument for " + flag));
  return std::optional(bytes);
}

// --- images

/// docker's `--filter`s of `image prune`.
class ImageFilters {
 public:
  static Result<ImageFilters> parse(const std::vector<std::string>& filters, std::int64_t now) {
    ImageFilters out;
    for (const auto& text : filters) {
      auto [key, value] = split_once(text, '=');
      if (!value) return invalid_input("bad format of filter (expected name=value)");
      const std::string name = to_lower(trim(key));
      if (name == "until") {
        out.created_before_ = TRY(parse_until(std::string(*value), now));
      } else if (name == "dangling") {
        out.dangling_ = *value == "true" || *value == "1";
      } else if (name == "label") {
        out.with_.emplace_back(*value);
      } else if (name == "label!") {
        out.without_.emplace_back(*value);
      } else {
        return invalid_input("invalid filter '" + name + "'");
      }
    }
    return out;
  }
  /// What the flags --all and `dangling=false` say alike.
  std::optional<bool> dangling() const { return dangling_; }
  bool matches(const store::Image& image, const oci::ImageConfig& config) const {
    if (created_before_ && image.created >= *created_before_) return false;
    const auto has = [&](const std::string& wanted) {
      const auto [name, value] = split_once(wanted, '=');
      const auto label = config.config.labels.find(std::string(name));
      return label != config.config.labels.end() && (!value || *value == label->second);
    };
    return std::ranges::all_of(with_, has) && std::ranges::none_of(without_, has);
  }

 private:
  std::optional<std::int64_t> created_before_;
  std::optional<bool> dangling_;
  std::vector<std::string> with_, without_;
};

struct PrunedImages {
  std::string text;
  std::uint64_t bytes = 0;
};

/// Images without a name, or all that match: a container of `run` that is alive has the store open,
/// and its layers stay until it ends.
Result<PrunedImages> prune_images(store::Store& store, const ImageFilters& filters, bool all) {
  const store::LayerUsage before = TRY(store.cache().usage());
  const std::vector<store::Image> images = TRY(store.images().list());
  PrunedImages out;
  for (const auto& image : images) {
    const bool held = TRY(store.images().is_in_named_index(image));
    if (!all && (held || !image.names.empty())) continue;
    const auto config = store.images().config(image);
    if (!config || !filters.matches(image, *config)) continue;
    for (const auto& name : image.names) {
      const oci::Reference reference = TRY(oci::Reference::parse(name));
      out.text += "untagged: " + reference.familiar() + "\n";
    }
    out.text += "deleted: " + image.id.str() + "\n";
    TRY(store.images().remove(image));
  }
  TRY(delete_layers(store));
  const store::LayerUsage after = TRY(store.cache().usage());
  if (before.bytes > after.bytes) out.bytes = before.bytes - after.bytes;
  out.bytes += TRY(store.blobs().remove_partial(0));
  if (!out.text.empty()) out.text = "Deleted Images:\n" + out.text + "\n";
  return out;
}

}  // namespace

Result<int> builder_prune_command(const Session& session, std::vector<std::string> words) {
  std::vector<std::string> filters;
  std::string reserved, max_used, min_free, keep, builder;
  bool all = false, force = false, verbose = false, debug = false;
  FlagSet set(session.command, "[OPTIONS]", "Remove build cache");
  set.flag("-a,--all", all, "also what an image shares with the cache")
      .option("--builder", builder, "accepted: there is one")
      .flag("-D,--debug", debug, "accepted: there is no more to say")
      .list("--filter", filters, "KEY=VALUE, such as until=24h; keys as in docs/storage.md")
      .flag("-f,--force", force, "do not ask")
      .option("--keep-storage", keep, "the older name of --reserved-space")
      .option("--max-used-space", max_used, "the cache may take this much: 10GB or 20%")
      .option("--min-free-space", min_free, "this much shall be free on the file system")
      .option("--reserved-space", reserved, "this much of the cache stays in any case")
      .flag("--verbose", verbose, "say more of each entry")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const CacheFilters wanted = TRY(CacheFilters::parse(filters, os::wall_clock().seconds));
  store::Store store = TRY(session.open_store(Access::removal));
  const os::DiskSpace space = TRY(os::disk_space(store.paths().root()));
  PruneLimits limits;
  limits.available = space.available;
  limits.reserved = TRY(space_option(keep, "--keep-storage", space.total));
  if (!reserved.empty())
    limits.reserved = TRY(space_option(reserved, "--reserved-space", space.total));
  limits.max_used = TRY(space_option(max_used, "--max-used-space", space.total));
  limits.min_free = TRY(space_option(min_free, "--min-free-space", space.total));
  const bool go =
      TRY(confirmed(force, all ? "WARNING! This will remove all build cache. "
                               : "WARNING! This will remove all dangling build cache. "));
  if (!go) return 0;
  std::vector<CacheEntry> entries = TRY(store.cache().list());
  std::erase_if(entries, [&](const CacheEntry& entry) {
    return !entry.reclaimable || (entry.shared && !all) || !wanted.matches(entry);
  });
  const std::vector<CacheEntry> victims = choose_victims(entries, limits);
  const std::uint64_t freed = TRY(prune_entries(store, victims));
  std::string out;
  if (!victims.empty() && !verbose) out = "ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED\n";
  for (const auto& entry : victims) {
    out += verbose ? describe_entry(entry)
                   : fmt::format("{:<40}\t{:<5}\t\t{:<10}\t{}\n",
                                 entry.id + (is_mutable(entry) ? "*" : ""), "true",
                                 cache_size_text(entry.size) + (entry.shared ? "*" : ""),
                                 ago_text(entry.used));
  }
  TRY(print(out + "Total:\t" + cache_size_text(freed) + "\n"));
  warn_of_leftovers(store);
  return 0;
}

Result<int> image_prune_command(const Session& session, std::vector<std::string> words) {
  std::vector<std::string> filters;
  bool all = false, force = false;
  FlagSet set(session.command, "[OPTIONS]", "Remove unused images");
  set.flag("-a,--all", all, "also images that have a name")
      .list("--filter", filters, "until=TIME, label=NAME[=VALUE] or label!=NAME[=VALUE]")
      .flag("-f,--force", force, "do not ask")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const ImageFilters wanted = TRY(ImageFilters::parse(filters, os::wall_clock().seconds));
  if (wanted.dangling()) all = !*wanted.dangling();
  const bool go = TRY(confirmed(
      force, all ? "WARNING! This will remove all images without at least one container associated "
                   "to them.\n"
                 : "WARNING! This will remove all dangling images.\n"));
  if (!go) return 0;
  store::Store store = TRY(session.open_store(Access::removal));
  const PrunedImages pruned = TRY(prune_images(store, wanted, all));
  TRY(print(pruned.text + "Total reclaimed space: " + cache_size_text(pruned.bytes) + "\n"));
  warn_of_leftovers(store);
  return 0;
}

Result<int> system_prune_command(const Session& session, std::vector<std::string> words) {
  std::vector<std::string> filters;
  bool all = false, force = false, volumes = false;
  FlagSet set(session.command, "[OPTIONS]", "Remove unused data");
  set.flag("-a,--all", all, "all images, not only those without a name")
      .list("--filter", filters, "until=TIME, label=NAME[=VALUE] or label!=NAME[=VALUE]")
      .flag("-f,--force", force, "do not ask")
      .flag("--volumes", volumes, "accepted: there are none")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::int64_t now = os::wall_clock().seconds;
  const ImageFilters wanted = TRY(ImageFilters::parse(filters, now));
  std::vector<std::string> times;
  for (const auto& filter : filters) {
    if (filter.starts_with("until=")) times.push_back(filter);
  }
  const CacheFilters cache = TRY(CacheFilters::parse(times, now));
  const bool go = TRY(confirmed(
      force,
      all ? "WARNING! This will remove:\n  - all images without at least one container "
            "associated to them\n  - all build cache\n\n"
          : "WARNING! This will remove:\n  - all dangling images\n  - unused build cache\n\n"));
  if (!go) return 0;
  store::Store store = TRY(session.open_store(Access::removal));
  PrunedImages pruned = TRY(prune_images(store, wanted, all));
  std::vector<CacheEntry> entries = TRY(store.cache().list());
  std::erase_if(entries, [&](const CacheEntry& entry) {
    return !entry.reclaimable || (entry.shared && !all) || !cache.matches(entry);
  });
  pruned.bytes += TRY(prune_entries(store, entries));
  if (!entries.empty()) {
    pruned.text += "Deleted build cache objects:\n";
    for (const auto& entry : entries) pruned.text += entry.id + "\n";
    pruned.text += "\n";
  }
  TRY(print(pruned.text + "Total reclaimed space: " + cache_size_text(pruned.bytes) + "\n"));
  warn_of_leftovers(store);
  return 0;
}

Result<int> system_gc_command(const Session& session, std::vector<std::string> words) {
  bool quiet = false;
  FlagSet set(session.command, "[OPTIONS]",
              "Apply the size policy now, as a build does when it is due");
  set.flag("-q,--quiet", quiet, "print nothing").arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::removal));
  const StoragePolicy policy = TRY(read_storage_policy(store.paths()));
  warn_of_unknown_settings(policy);
  const std::uint64_t freed = TRY(collect(store, policy));
  if (!quiet) TRY(print("Total reclaimed space: " + cache_size_text(freed) + "\n"));
  return 0;
}

}  // namespace kiln::cli
