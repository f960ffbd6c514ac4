// SPDX-License-Identifier: Apache-2.0
#include "cli/storage_policy.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include "base/json.h"
#include "base/strings.h"
#include "cli/cache_pruning.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "format/units.h"
#include "os/disk_space.h"
#include "os/fd.h"
#include "os/process.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

constexpr std::int64_t kDay = 24 * 3600;
constexpr std::uint64_t kGigabyte = 1'000'000'000;
/// Of the file system's size; what the cache may take, and what stays free, unless said otherwise.
constexpr std::uint64_t kKeepPercent = 20, kReservedPercent = 10, kFreePercent = 5;
constexpr std::uint64_t kLeastKept = 10 * kGigabyte, kMostReserved = 2 * kGigabyte,
                        kMostFree = 20 * kGigabyte;
constexpr std::int64_t kMaxAge = 60 * kDay;

/// Where a setting stands in settings.json and in the environment.
struct Setting {
  const char* section;
  const char* key;
  const char* variable;
};
constexpr Setting kEnabled{"gc", "enabled", "KILN_GC"};
constexpr Setting kKeepStorage{"gc", "keepStorage", "KILN_GC_KEEP_STORAGE"};
constexpr Setting kReserved{"gc", "reservedSpace", "KILN_GC_RESERVED_SPACE"};
constexpr Setting kMinFree{"gc", "minFree", "KILN_GC_MIN_FREE"};
constexpr Setting kAge{"gc", "maxAge", "KILN_GC_MAX_AGE"};
constexpr Setting kHistoryAge{"history", "maxAge", "KILN_HISTORY_MAX_AGE"};
constexpr Setting kHistoryEntries{"history", "maxEntries", "KILN_HISTORY_MAX_ENTRIES"};
constexpr std::array kSettings = {kEnabled, kKeepStorage, kReserved,      kMinFree,
                                  kAge,     kHistoryAge,  kHistoryEntries};

class Settings {
 public:
  static Result<Settings> read(const std::string& path) {
    Settings out;
    const auto text = os::read_file(path);
    if (!text && text.error().kind() == ErrorKind::not_found) return out;
    if (!text) return text.error();
    out.json_ = TRY(parse_json(*text, path));
    return out;
  }

  std::optional<std::string> find(const Setting& setting) const {
    if (auto given = os::environment(setting.variable); given && !given->empty()) return given;
    const auto section = json_.is_object() ? json_.find(setting.section) : json_.end();
    if (section == json_.end() || !section->is_object()) return std::nullopt;
    const auto value = section->find(setting.key);
    if (value == section->end() || value->is_null()) return std::nullopt;
    return value->is_string() ? value->get<std::string>() : value->dump();
  }

  /// What the file has and no setting is called.
  std::vector<std::string> unknown() const {
    std::vector<std::string> out;
    if (!json_.is_object()) return out;
    for (const auto& [section, values] : json_.items()) {
      const auto is_known = [&](const std::string& key) {
        return std::ranges::any_of(kSettings, [&](const Setting& setting) {
          return section == setting.section && (key.empty() || key == setting.key);
        });
      };
      if (!is_known("") || !values.is_object()) {
        out.push_back(section);
        continue;
      }
      for (const auto& [key, value] : values.items()) {
        if (!is_known(key)) out.push_back(section + "." + key);
      }
    }
    return out;
  }

 private:
  nlohmann::json json_;
};

Error wrong(const Setting& setting, const std::string& value, const std::string& why) {
  return invalid_input("invalid " + std::string(setting.section) + "." + setting.key + " \"" +
                       value + "\": " + why)
      .with_hint(std::string("it is set in settings.json of the store, or by $") +
                 setting.variable);
}

Result<void> read_space(const Settings& settings, const Setting& setting, std::uint64_t whole,
                        std::uint64_t& out) {
  const auto value = settings.find(setting);
  if (!value) return {};
  const auto parsed = parse_space(*value, whole);
  if (!parsed) return wrong(setting, *value, parsed.error().message());
  out = *parsed;
  return {};
}

Result<void> read_age(const Settings& settings, const Setting& setting, std::int64_t& out) {
  const auto value = settings.find(setting);
  if (!value) return {};
  const auto parsed = format::parse_duration(*value);
  if (!parsed) return wrong(setting, *value, parsed.error().message());
  out = std::chrono::duration_cast<std::chrono::seconds>(*parsed).count();
  return {};
}

Result<std::uint64_t> available_space(const store::Store& store) {
  const os::DiskSpace space = TRY(os::disk_space(store.paths().root()));
  return space.available;
}

}  // namespace

Result<std::uint64_t> parse_space(const std::string& text, std::uint64_t whole) {
  if (text.ends_with('%')) {
    const auto percent = parse_uint(text.substr(0, text.size() - 1));
    if (!percent || *percent > 100) return invalid_input("invalid percentage: " + text);
    return whole / 100 * *percent;
  }
  const std::int64_t bytes = TRY(format::parse_decimal_size(text));
  if (bytes < 0) return invalid_input("invalid size: " + text);
  return static_cast<std::uint64_t>(bytes);
}

Result<StoragePolicy> read_storage_policy(const store::StorePaths& paths) {
  const Settings settings = TRY(Settings::read(paths.settings()));
  const os::DiskSpace space = TRY(os::disk_space(paths.root()));
  StoragePolicy out;
  out.keep_storage = std::max(kLeastKept, space.total / 100 * kKeepPercent);
  out.reserved = std::min(kMostReserved, space.total / 100 * kReservedPercent);
  out.min_free = std::min(kMostFree, space.total / 100 * kFreePercent);
  out.max_age = kMaxAge;
  out.unknown = settings.unknown();
  if (const auto enabled = settings.find(kEnabled)) {
    const std::string word = to_lower(*enabled);
    if (word != "true" && word != "1" && word != "on" && word != "false" && word != "0" &&
        word != "off")
      return wrong(kEnabled, *enabled, "one of true, false");
    out.enabled = word == "true" || word == "1" || word == "on";
  }
  TRY(read_space(settings, kKeepStorage, space.total, out.keep_storage));
  TRY(read_space(settings, kReserved, space.total, out.reserved));
  out.reserved = std::min(out.reserved, out.keep_storage);
  TRY(read_space(settings, kMinFree, space.total, out.min_free));
  TRY(read_age(settings, kAge, out.max_age));
  TRY(read_age(settings, kHistoryAge, out.history.max_age));
  if (const auto entries = settings.find(kHistoryEntries)) {
    const auto number = parse_uint(*entries);
    if (!number) return wrong(kHistoryEntries, *entries, "not a number");
    out.history.max_entries = static_cast<std::size_t>(*number);
  }
  return out;
}

bool collection_is_due(store::Store& store, const StoragePolicy& policy) {
  if (!policy.enabled) return false;
  const auto usage = store.cache().usage();
  const auto free = available_space(store);
  if (!usage || !free) return false;
  if (os::wall_clock().seconds - usage->collected > kDay) return true;
  // What the last time could not be freed is no reason to try again.
  const bool grown = usage->bytes > usage->settled + usage->settled / 20;
  if (!grown || usage->bytes <= policy.reserved) return false;
  return usage->bytes > policy.keep_storage || *free < policy.min_free;
}

void warn_of_unknown_settings(const StoragePolicy& policy) {
  for (const auto& key : policy.unknown)
    print_error("kiln: warning: settings.json of the store: unknown setting " +
                sanitize_line(key, Escapes::none));
}

Result<std::uint64_t> collect(store::Store& store, const StoragePolicy& policy) {
  const std::int64_t now = os::wall_clock().seconds;
  TRY(store.builds().apply(policy.history, now));
  const std::vector<store::CacheEntry> entries = TRY(store.cache().list());
  PruneLimits limits;
  limits.reserved = policy.reserved;
  limits.max_used = policy.keep_storage;
  limits.min_free = policy.min_free;
  limits.available = TRY(available_space(store));
  std::vector<store::CacheEntry> old, rest;
  for (const auto& entry : entries) {
    if (!entry.reclaimable) continue;
    (now - entry.used > policy.max_age ? old : rest).push_back(entry);
  }
  for (const auto& entry : old)
    limits.available += entry.shared ? 0 : entry.size;  // as good as free
  for (auto& entry : choose_victims(rest, limits)) old.push_back(std::move(entry));
  const std::uint64_t freed = TRY(prune_entries(store, old));
  TRY(store.cache().settle(now));
  return freed;
}

void collect_in_background(store::Store& store) {
  const auto policy = read_storage_policy(store.paths());
  if (policy) warn_of_unknown_settings(*policy);
  if (!policy || !collection_is_due(store, *policy)) return;
  os::SpawnOptions options;
  options.argv = {"/proc/self/exe", "--root", store.paths().root(), "system", "gc", "--quiet"};
  options.in = os::Stdio::null();
  options.out = os::Stdio::null();
  options.err = os::Stdio::null();
  options.cwd = "/";
  options.new_session = true;
  auto started = os::Process::spawn(std::move(options));
  if (started) started->detach();
}

Result<bool> delete_layers(store::Store& store) {
  constexpr auto kPatience = std::chrono::seconds(3);
  constexpr auto kPause = std::chrono::milliseconds(50);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    TRY(store.delete_unused_layers());
    if (!store.has_layers_to_delete()) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace kiln::cli
