// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "os/file_info.h"

namespace kiln::store {

/// What reading a file told, worth keeping while its stat stays the same.
struct FileFacts {
  Sha256Bytes content{};  ///< of a regular file
  std::string xattrs;     ///< encoded by the caller; mostly empty
};

/// What stat tells of a file that any change of it changes too.
struct StatFacts {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t mtime = 0, ctime = 0;
  std::uint32_t mtime_nanoseconds = 0, ctime_nanoseconds = 0;
  bool operator==(const StatFacts&) const = default;
};
StatFacts stat_facts(const os::FileInfo& info);

/// Whether a file that is read from `now` on can't change any more without another ctime. One whose
/// ctime is too near could, within the clock's grain: 50 ms, or 2 s where a file system keeps whole
/// seconds.
bool is_settled(const os::FileInfo& info, const TimePoint& now);

/// Remembers the digests of a build context's files by device, inode, size, mtime and ctime, as
/// git's index does, so that an unchanged file is recognised without reading it. One file per
/// context, which is read when it is first asked. A file that is not settled when it is read is not
/// remembered. Not thread-safe.
class StatIndex {
 public:
  /// A missing or unreadable index is an empty one: it costs time, nothing else.
  explicit StatIndex(std::string path) : path_(std::move(path)) {}

  /// Facts of a file that has not changed since they were noted.
  const FileFacts* find(std::string_view path, const os::FileInfo& info);
  /// `now` is a time before the file was opened for reading.
  void put(std::string_view path, const os::FileInfo& info, FileFacts facts, const TimePoint& now);
  /// Writes it, if anything changed. Files that many builds in a row did not ask for are dropped.
  Result<void> save();

 private:
  struct Entry {
    StatFacts stat;
    std::uint8_t unseen = 0;  ///< saves since it was last asked for
    bool seen = false;
    FileFacts facts;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  void load();
  bool parse(std::string_view bytes);

  std::string path_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  bool loaded_ = false;
  bool changed_ = false;
};

}  // namespace kiln::store
