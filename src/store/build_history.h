// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "store/database.h"
#include "store/store_paths.h"

namespace kiln::store {

/// What is kept of one build. Its full log is a file of its own.
struct BuildRecord {
  std::string id;  ///< 25 letters and digits, as docker's
  TimePoint created;
  std::int64_t milliseconds = 0;
  std::string status;   ///< Completed, Error or Canceled
  std::string name;     ///< of its context
  std::string details;  ///< JSON: what was asked for, its steps, its result
  std::uint64_t log_size = 0;
};

/// How much history is kept.
struct HistoryLimits {
  std::int64_t max_age = std::int64_t{30} * 24 * 3600;  ///< seconds
  std::size_t max_entries = 200;
};

/// The builds of a store. Thread-safe.
class BuildHistory {
 public:
  BuildHistory(StorePaths paths, const Database& database)
      : paths_(std::move(paths)), database_(&database) {}

  /// A new ID.
  static std::string new_id();
  /// Adds a build, marks the cache records that it used, and drops what is beyond the limits, in
  /// one transaction. The file at `log_path`, under tmp/, becomes its log; none if that is empty.
  Result<void> add(const BuildRecord& record, const std::string& log_path,
                   const std::vector<std::string>& used_keys, const HistoryLimits& limits);
  /// The latest first.
  Result<std::vector<BuildRecord>> list() const;
  /// By the unambiguous beginning of its ID, or `^N`: the Nth before the latest; empty is the
  /// latest. Kind not_found in docker's words.
  Result<BuildRecord> get(std::string_view reference) const;
  Result<std::string> log(const BuildRecord& record) const;
  Result<void> remove(const BuildRecord& record);
  /// Drops what is beyond the limits at `now`, in seconds.
  Result<void> apply(const HistoryLimits& limits, std::int64_t now);

 private:
  Result<std::vector<std::string>> delete_rows_beyond(const HistoryLimits& limits,
                                                      std::int64_t now);
  void remove_logs(const std::vector<std::string>& ids) const;

  StorePaths paths_;
  const Database* database_;
};

}  // namespace kiln::store
