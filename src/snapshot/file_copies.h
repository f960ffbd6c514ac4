// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "snapshot/layer_plan.h"

namespace kiln::snapshot {

/// Files at most this large are copied ahead.
inline constexpr std::uint64_t kSmallFile = std::uint64_t{128} << 10;

/// A small file that was copied into a layer, metadata included, and its bytes.
struct FileCopy {
  os::FileInfo info;  ///< of the source, when it was opened
  std::vector<std::byte> bytes;
  Sha256Bytes digest{};
  /// The file is a link to the one that an earlier layer has; only its size is known then, and of a
  /// file that is not small, or whose bytes nobody needs, there are none here.
  bool linked = false;
};

/// What there is to do for a file.
struct CopyOrder {
  const PlannedInode* inode;
  Metadata metadata;
  std::string path;
  /// The earlier layer has the same file, metadata included, at the same path.
  bool is_in_earlier = false;
  bool needs_bytes = true;
};

/// Copies the small files of a plan into a layer directory, and links those that an earlier layer
/// has, on threads of their own, ahead of a
/// reader that takes them in the order in which they were added. How far ahead is bounded, and so
/// is memory. Directories must be there before start(); larger files, and such as have holes or
/// xattrs, are left to the caller.
class FileCopies {
 public:
  /// `fs`, `earlier`, which may be null, and all inodes outlive it.
  FileCopies(const os::Dir& fs, const os::Dir* earlier, std::stop_token stop);
  ~FileCopies();
  FileCopies(const FileCopies&) = delete;
  FileCopies& operator=(const FileCopies&) = delete;

  /// Plans the copy of an inode whose content is a file.
  void add(CopyOrder order);
  Result<void> start();
  /// Waits for the copy of a file; nullopt if it was not added or is left to the caller. Files are
  /// asked for in the order in which they were added.
  Result<std::optional<FileCopy>> take(const PlannedInode& inode);

 private:
  struct Item {
    CopyOrder order;
    os::RelPath path;
    std::optional<FileCopy> copy = std::nullopt;
  };
  struct Batch {
    std::vector<Item> items;
    std::optional<Error> failure;
    bool done = false;  // guarded by mutex_
  };

  void work();
  Result<void> provide(Item& item) const;
  bool link(const Item& item) const;
  Result<void> copy(Item& item) const;

  const os::Dir* fs_;
  const os::Dir* earlier_;
  std::stop_token stop_;
  /// New files are given to these already, with the mode that is asked for.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> own_;
  std::unordered_map<const PlannedInode*, std::pair<std::size_t, std::size_t>> places_;
  std::vector<Batch> batches_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;   // guarded by mutex_: the batch to copy next
  std::size_t taken_ = 0;  // guarded by mutex_: the batch that the reader is at
  bool ended_ = false;     // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace kiln::snapshot
