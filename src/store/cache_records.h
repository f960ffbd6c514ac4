// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "oci/digest.h"
#include "store/database.h"

namespace kiln::store {

/// What a step depends on, as the store keeps it: a line for each thing, its name, a tab and its
/// value: `file:app/main.c` with its type, mode, owner and digest, `layer:0` … Neither has newlines
/// or tabs.
struct InputList {
  std::string text = {};

  void add(std::string_view name, std::string_view value) {
    text.append(name).append("\t").append(value).append("\n");
  }
  bool operator==(const InputList&) const = default;
};

/// A step that was run: under which key, from what, with which result.
struct CacheRecord {
  std::string key;          ///< 64 hex digits; kImportedPrefix before what a cache elsewhere says
  std::string instruction;  ///< as the Dockerfile has it, for explanations
  std::string place = {};   ///< where it stands; empty if that is of no use
  std::string operation;    ///< the op's canonical encoding
  InputList inputs = {};
  std::optional<oci::DiffId> layer;  ///< what it added; nullopt if nothing
  TimePoint created;
  std::int64_t milliseconds = 0;  ///< how long it took
};

inline constexpr std::string_view kImportedPrefix = "from:";

/// An earlier run of an instruction, to compare with.
struct EarlierRecord {
  std::string instruction;
  std::string operation;
  std::string inputs_digest;
  TimePoint created;
  std::int64_t milliseconds = 0;
  std::optional<oci::DiffId> layer = {};
};

/// What of a record can be verified.
struct RecordSummary {
  std::string key;
  std::string instruction;
  std::string inputs_digest;
  std::optional<oci::DiffId> layer;
};

/// The digest that an input list is kept under.
std::string inputs_digest(std::string_view list);

/// Results of steps by their keys. Thread-safe.
class CacheRecords {
 public:
  explicit CacheRecords(const Database& database) : database_(&database) {}

  /// Without its inputs, which only explanations need.
  Result<std::optional<CacheRecord>> find(std::string_view key) const;
  /// Kind not_found if no record has it.
  Result<std::string> input_list(std::string_view inputs_digest) const;
  /// Records of the same instruction at this place, the latest first, at most `limit`; without any,
  /// those of the same instruction elsewhere; without any, those whose instruction at this place
  /// begins with the same keyword.
  Result<std::vector<EarlierRecord>> earlier(std::string_view instruction, std::string_view place,
                                             std::string_view keyword, std::size_t limit) const;
  Result<std::vector<RecordSummary>> list() const;
  /// The other keys under which the run that a key's record is of is kept, but for those of caches
  /// elsewhere.
  Result<std::vector<std::string>> keys_of_same_run(std::string_view key) const;
  Result<void> remove(const std::vector<std::string>& keys);
  /// Forgets every run that made this layer, or that had it as an input.
  Result<void> forget_runs_with(const oci::DiffId& layer);
  /// Replaces records of the same keys: the record's own, and `other_keys`, under which it is kept
  /// too.
  Result<void> put(const CacheRecord& record, const std::vector<std::string>& other_keys = {});
  /// Notes that records were used now: the least recently used go first when space is short.
  Result<void> touch(const std::vector<std::string>& keys, std::int64_t now);

 private:
  Result<void> put_row(const std::string& key, const CacheRecord& record,
                       const std::string& inputs_digest);

  const Database* database_;
};

}  // namespace kiln::store
