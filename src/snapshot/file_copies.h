// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "snapshot/layer_plan.h"

namespace kiln::snapshot {

/// Files at most this large are copied ahead.
inline constexpr std::uint64_t kSmallFile = std::uint64_t{128} << 10;

/// Whose new files and directories in a folder are.
using OwnerIds = std::pair<std::uint32_t, std::uint32_t>;
/// Of the new ones in `fs`, if they also get just the mode that is asked for: not so with a default
/// ACL, a setgid directory or a mount option that gives files away.
Result<std::optional<OwnerIds>> owner_of_new_files(const os::Dir& fs);
/// What chown and setuid bits need to be set after the content.
inline constexpr std::uint32_t kSpecialBits = 07000;

/// A small file that was copied into a layer, metadata included, and its bytes.
struct FileCopy {
  os::FileInfo info;                      ///< of the source, when it was opened
  std::span<const std::byte> bytes = {};  ///< until a file some way behind it is taken
  Sha256Bytes digest{};
  /// The file is a link to the one that an earlier layer has; only its size is known then, and of a
  /// file that is not small, or whose bytes nobody needs, there are none here.
  bool linked = false;
};

/// What there is to do for a file.
struct CopyOrder {
  const PlannedInode* inode;
  os::RelPath path;
  /// The earlier layer has the same file, metadata included, at the same path.
  bool is_in_earlier = false;
  bool needs_bytes = true;
};

/// Copies the small files of a plan into a layer directory, and links those that an earlier layer
/// has, on threads of their own, ahead of a reader that takes them in the order in which they were
/// added. How far ahead is bounded, and so is memory. Directories must be there before start();
/// larger files, and such as have holes or xattrs, are left to the caller.
class FileCopies {
 public:
  /// `fs`, `earlier`, which may be null, and all inodes outlive it.
  FileCopies(const os::Dir& fs, const os::Dir* earlier, std::optional<MtimeLimit> mtimes,
             std::stop_token stop);
  ~FileCopies();
  FileCopies(const FileCopies&) = delete;
  FileCopies& operator=(const FileCopies&) = delete;

  /// Plans the copy of an inode whose content is a file.
  void add(CopyOrder order);
  /// `own`: see owner_of_new_files().
  void start(std::optional<OwnerIds> own);
  /// Waits for the copy of a file; nullopt if it was not added or is left to the caller. Files are
  /// asked for in the order in which they were added.
  Result<std::optional<FileCopy>> take(const PlannedInode& inode);

 private:
  /// Where the bytes of a batch's files are.
  using Space = std::vector<std::byte>;
  struct Item {
    CopyOrder order;
    std::optional<FileCopy> copy = std::nullopt;
    std::size_t at = 0, size = 0;  ///< its bytes in the batch's space
  };
  struct Batch {
    std::vector<Item> items;
    Space space;
    std::size_t used = 0;
    std::optional<Error> failure;
    bool done = false;  // guarded by mutex_
  };

  void work();
  Result<void> provide(Batch& batch, Item& item) const;
  bool link(const Item& item) const;
  Result<void> copy(Batch& batch, Item& item) const;
  static std::span<std::byte> make_room(Batch& batch, Item& item, std::uint64_t size);
  void begin_batch(std::size_t index);

  const os::Dir* fs_;
  const os::Dir* earlier_;
  std::optional<MtimeLimit> mtimes_;
  std::stop_token stop_;
  std::optional<OwnerIds> own_;
  std::vector<Batch> batches_;
  std::size_t asked_ = 0;  ///< files that the reader has taken
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;     // guarded by mutex_: the batch to copy next
  std::size_t taken_ = 0;    // guarded by mutex_: the batch that the reader is at
  std::vector<Space> free_;  // guarded by mutex_
  bool ended_ = false;       // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace kiln::snapshot
