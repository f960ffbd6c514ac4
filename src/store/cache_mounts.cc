// SPDX-License-Identifier: Apache-2.0
#include "store/cache_mounts.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/json.h"
#include "base/paths.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::store {
namespace {

/// How often a step that waits looks whether the cache is free: flock can't be waited for and
/// cancelled at once.
constexpr std::chrono::milliseconds kRetry{50};
constexpr std::size_t kLargestRecord = std::size_t{1} << 20;

std::string key_of(const std::string& id, const std::string& variant) {
  return to_hex(sha256(fmt::format("{}:{}{}", id.size(), id, variant)));
}

std::string to_text(const CacheMountRecord& record) {
  const nlohmann::json json = {
      {"id", record.id},
      {"variant", record.variant},
      {"created", format_rfc3339(record.created.seconds, record.created.nanoseconds)},
      {"used", format_rfc3339(record.used.seconds, record.used.nanoseconds)}};
  return dump_json(json) + "\n";
}

Result<CacheMountRecord> read_record(const std::string& folder) {
  const std::string text = TRY(os::read_file(folder + "/record.json", kLargestRecord));
  const nlohmann::json json = TRY(parse_json(text, folder + "/record.json"));
  CacheMountRecord record;
  record.name = base_name(folder);
  record.id = TRY(json_string(json, "id"));
  record.variant = TRY(json_string(json, "variant"));
  const std::string created = TRY(json_string(json, "created"));
  const std::string used = TRY(json_string(json, "used"));
  record.created = parse_rfc3339(created).value_or(TimePoint());
  record.used = parse_rfc3339(used).value_or(TimePoint());
  return record;
}

}  // namespace

Result<CacheMountLease> CacheMounts::acquire(const CacheMountRequest& request,
                                             const std::stop_token& stop) {
  const std::string prefix = paths_.cache_mounts() + "/" + key_of(request.id, request.variant);
  for (;;) {
    for (std::size_t number = 0;; ++number) {
      const std::string folder = fmt::format("{}.{}", prefix, number);
      if (!os::path_exists(folder)) {
        // Who asks for `locked` waits for one that is there rather than make a second one.
        if (number > 0 && request.use == CacheMountUse::locked) break;
        TRY(create(folder, request));
      }
      auto lease = TRY(try_use(folder, request));
      if (lease) return *std::move(lease);
    }
    if (stop.stop_requested()) return cancelled();
    std::this_thread::sleep_for(kRetry);
  }
}

Result<std::optional<CacheMountLease>> CacheMounts::try_use(const std::string& folder,
                                                            const CacheMountRequest& request) {
  const auto mode = request.use == CacheMountUse::shared ? os::FileLock::Mode::shared
                                                         : os::FileLock::Mode::exclusive;
  auto lock = os::FileLock::try_acquire(folder + "/lock", mode);
  // Removed in between: as if it had never been there.
  if (!lock && lock.error().kind() == ErrorKind::not_found) {
    TRY(create(folder, request));
    return std::optional<CacheMountLease>();
  }
  if (!lock) return std::move(lock).error();
  if (!*lock) return std::optional<CacheMountLease>();
  CacheMountRecord record = TRY(read_record(folder));
  record.used = os::wall_clock();
  TRY(os::write_file_atomically(folder + "/record.json", to_text(record), 0600));
  return std::optional(CacheMountLease(folder + "/fs", **std::move(lock)));
}

Result<std::optional<CacheMountLease>> CacheMounts::hold(const std::string& name) const {
  const std::string folder = paths_.cache_mounts() + "/" + name;
  TRY(read_record(folder));
  auto lock = TRY(os::FileLock::try_acquire(folder + "/lock", os::FileLock::Mode::exclusive));
  if (!lock) return std::optional<CacheMountLease>();
  return std::optional(CacheMountLease(folder + "/fs", *std::move(lock)));
}

Result<bool> CacheMounts::replace(const std::string& id, const std::string& variant,
                                  std::size_t number, const std::string& made) const {
  // Numbers have no gaps: a directory that nobody counts up to would never be used.
  const std::string prefix = paths_.cache_mounts() + "/" + key_of(id, variant);
  std::size_t last = 0;
  while (last < number && os::path_exists(fmt::format("{}.{}", prefix, last))) ++last;
  const std::string name = fmt::format("{}.{}", key_of(id, variant), last);
  const std::string folder = workspace_->new_path();
  TRY(os::ensure_directory(folder, 0700));
  TRY(os::rename_file(made, folder + "/fs"));
  CacheMountRecord record;
  record.id = id;
  record.variant = variant;
  record.created = record.used = os::wall_clock();
  TRY(os::write_file_atomically(folder + "/record.json", to_text(record), 0600));
  for (;;) {
    const bool free = TRY(remove(name));
    if (!free) {
      TRY(os::rename_file(folder + "/fs", made));
      return false;
    }
    const auto renamed = os::rename_file(folder, paths_.cache_mounts() + "/" + name);
    // A step may have made it again in between.
    if (renamed) return true;
    if (renamed.error().kind() != ErrorKind::already_exists) return renamed.error();
  }
}

Result<void> CacheMounts::create(const std::string& folder, const CacheMountRequest& request) {
  const std::string made = workspace_->new_path();
  TRY(os::ensure_directory(made, 0700));
  TRY(os::ensure_directory(made + "/fs", 0755));
  const os::Dir dir = TRY(os::Dir::open(made));
  TRY(dir.set_mode("fs", 0755));
  if (request.fill) TRY(request.fill(made + "/fs"));
  CacheMountRecord record;
  record.id = request.id;
  record.variant = request.variant;
  record.created = record.used = os::wall_clock();
  TRY(os::write_file_atomically(made + "/record.json", to_text(record), 0600));
  const auto renamed = os::rename_file(made, folder);
  // Another step may have been first, and its directory isn't empty: then that one is used.
  if (!renamed && !os::path_exists(folder + "/record.json")) return renamed;
  return {};
}

Result<bool> CacheMounts::remove(const std::string& name) const {
  const std::string folder = paths_.cache_mounts() + "/" + name;
  const auto lock = os::FileLock::try_acquire(folder + "/lock", os::FileLock::Mode::exclusive);
  if (!lock && lock.error().kind() == ErrorKind::not_found) return true;
  if (!lock) return lock.error();
  if (!*lock) return false;
  // With its lock: who asks for it next makes a new one.
  TRY(workspace_->remove(folder));
  return true;
}

Result<std::vector<CacheMountRecord>> CacheMounts::list() const {
  const os::Dir dir = TRY(os::Dir::open(paths_.cache_mounts()));
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  std::vector<CacheMountRecord> out;
  for (const auto& entry : entries) {
    auto record = read_record(paths_.cache_mounts() + "/" + entry.name);
    if (record) out.push_back(*std::move(record));
  }
  return out;
}

}  // namespace kiln::store
