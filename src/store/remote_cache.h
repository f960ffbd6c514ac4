// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "os/file_lock.h"
#include "store/store_paths.h"
#include "store/workspace.h"

namespace kiln::store {

/// A tree of the remote cache in use: nobody deletes it while this lives.
class KeptTree {
 public:
  /// The directory; it is not written to.
  const std::string& path() const { return path_; }

 private:
  friend class RemoteCache;
  KeptTree(std::string path, os::FileLock lock)
      : path_(std::move(path)), lock_(std::make_shared<os::FileLock>(std::move(lock))) {}
  std::string path_;
  std::shared_ptr<os::FileLock> lock_;
};

/// A tree being made, in a directory of its own under tmp/, discarded unless it is kept.
class TreeIngest {
 public:
  /// Where the tree is to stand; it is there and empty, mode 0755.
  std::string tree_path() const { return scratch_.path() + "/entry/tree"; }
  const os::Dir& tree() const { return tree_; }
  /// Room for what belongs to the work but not to the tree.
  const std::string& scratch_path() const { return scratch_.path(); }

 private:
  friend class RemoteCache;
  TreeIngest(ScratchDir scratch, os::Dir tree)
      : scratch_(std::move(scratch)), tree_(std::move(tree)) {}
  ScratchDir scratch_;
  os::Dir tree_;
};

/// A git repository of the cache, held by one at a time.
class Mirror {
 public:
  const std::string& path() const { return path_; }
  /// Whether it has just been made: an empty directory.
  bool is_new() const { return is_new_; }

 private:
  friend class RemoteCache;
  Mirror(std::string path, bool is_new, os::FileLock lock)
      : path_(std::move(path)), is_new_(is_new), lock_(std::move(lock)) {}
  std::string path_;
  bool is_new_;
  os::FileLock lock_;
};

/// What of the cache can be deleted.
struct FetchedEntry {
  enum class Kind { tree, mirror };
  Kind kind = Kind::tree;
  std::string name;
  TimePoint used;
  std::uint64_t size = 0;  ///< bytes on disk; 0 while it is being made
};

/// What was fetched from elsewhere, kept for later builds: trees (by a key that says what is in
/// them, so that they never change), the objects of git repositories, and notes on URLs. Bounded:
/// once there is more than a limit, what was not used for longest goes. Thread-safe.
class RemoteCache {
 public:
  static constexpr std::uint64_t kDefaultLimit = std::uint64_t{4} << 30;

  RemoteCache(StorePaths paths, Workspace& workspace, std::uint64_t limit = kDefaultLimit)
      : paths_(std::move(paths)), workspace_(&workspace), limit_(limit) {}

  Result<std::optional<KeptTree>> find_tree(std::string_view key) const;
  Result<TreeIngest> create_tree() const;
  /// Gives the tree its name. If there is one of that key already, the new one is discarded.
  Result<KeptTree> keep(TreeIngest ingest, std::string_view key) const;

  /// Waits until no other has it.
  Result<Mirror> open_mirror(std::string_view key) const;
  /// To be called when work on a mirror is done: notes its size.
  Result<void> note_size(const Mirror& mirror) const;

  /// Small texts; a missing one is nullopt.
  Result<std::optional<std::string>> find_note(std::string_view key) const;
  Result<void> put_note(std::string_view key, std::string_view text) const;

  Result<std::vector<FetchedEntry>> list() const;
  /// False, and it stays, while somebody uses it.
  Result<bool> remove(FetchedEntry::Kind kind, const std::string& name) const;
  /// Deletes the least recently used that nobody uses until what is left is within the limit.
  Result<void> trim() const;

 private:
  std::string folder(const char* kind) const { return paths_.remote() + "/" + kind; }

  StorePaths paths_;
  Workspace* workspace_;
  std::uint64_t limit_;
};

}  // namespace kiln::store
