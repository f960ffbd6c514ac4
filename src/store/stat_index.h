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

/// Remembers the digests of a build context's files by device, inode, size, mtime and ctime, as
/// git's index does, so that an unchanged file is recognised without reading it. One file per
/// context. A file whose ctime is too near to the moment it was read is not trusted: it could
/// change again within the clock's grain. Not thread-safe.
class StatIndex {
 public:
  /// A missing or unreadable index is an empty one: it costs time, nothing else.
  static StatIndex load(std::string path);

  /// Facts of a file that has not changed since they were noted.
  const FileFacts* find(std::string_view path, const os::FileInfo& info);
  /// `now` is a time before the file was opened for reading.
  void put(std::string_view path, const os::FileInfo& info, FileFacts facts, const TimePoint& now);
  /// Writes it, if anything changed. Files that many builds in a row did not ask for are dropped.
  Result<void> save();

 private:
  struct Entry {
    std::uint64_t device, inode, size;
    std::int64_t mtime, ctime;
    std::uint32_t mtime_nanoseconds, ctime_nanoseconds;
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
  bool parse(std::string_view bytes);

  std::string path_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  bool changed_ = false;
};

}  // namespace kiln::store
