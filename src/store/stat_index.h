// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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
/// remembered. Files are found fastest in the order in which a tree is walked: a directory before
/// its content, names sorted bytewise. Not thread-safe.
class StatIndex {
 public:
  /// A missing or unreadable index is an empty one: it costs time, nothing else.
  explicit StatIndex(std::string path) : path_(std::move(path)) {}

  /// Facts of a file that has not changed since they were noted.
  std::optional<FileFacts> find(std::string_view path, const os::FileInfo& info);
  /// `now` is a time before the file was opened for reading.
  void put(std::string_view path, const os::FileInfo& info, FileFacts facts, const TimePoint& now);
  /// Writes it, if anything changed. Files that many builds in a row did not ask for are dropped.
  Result<void> save();

 private:
  /// A file that the index had when it was read: where in `file_` it stands.
  struct Kept {
    std::string_view path;
    std::string_view value;  ///< what is packed after the path
    bool seen = false;
  };
  struct Added {
    StatFacts stat;
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
  Kept* find_kept(std::string_view path);

  std::string path_;
  std::string file_;
  std::vector<Kept> kept_;  ///< in the order of a walk
  std::size_t next_ = 0;    ///< the one that was found last is before it
  std::unordered_map<std::string, Added, Hash, std::equal_to<>> added_;  ///< instead of kept ones
  bool loaded_ = false;
  bool changed_ = false;
};

}  // namespace kiln::store
