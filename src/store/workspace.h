// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/dir.h"
#include "os/file_lock.h"
#include "store/store_paths.h"

namespace kiln::store {

/// A directory under the store's tmp/ that is removed, with all in it, when this goes.
class ScratchDir {
 public:
  ScratchDir(ScratchDir&& other) noexcept
      : path_(std::exchange(other.path_, {})), dir_(std::move(other.dir_)) {}
  ScratchDir& operator=(ScratchDir&&) = delete;
  ~ScratchDir();

  const std::string& path() const { return path_; }
  const os::Dir& dir() const { return dir_; }

 private:
  friend class Workspace;
  ScratchDir(std::string path, os::Dir dir) : path_(std::move(path)), dir_(std::move(dir)) {}
  std::string path_;
  os::Dir dir_;
};

/// This process's folder under tmp/. Its lock file tells others that it is alive; what a killed
/// process left is swept by the next one. Thread-safe.
class Workspace {
 public:
  static Result<Workspace> create(const StorePaths& paths);
  /// Of a store that can't be written to: there is none, and asking for a part of it fails.
  static Workspace none() { return {std::string(), std::nullopt}; }
  Workspace(Workspace&& other) noexcept;
  Workspace& operator=(Workspace&&) = delete;
  ~Workspace();

  Result<ScratchDir> create_scratch();
  /// A path in the workspace that is not in use.
  std::string new_path();
  /// Removes the directory `path` of the store with all in it. It goes out of the way first, so
  /// that a half-removed one never keeps its name.
  Result<void> remove(const std::string& path);
  const std::string& path() const { return path_; }

 private:
  Workspace(std::string path, std::optional<os::FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  std::optional<os::FileLock> lock_;
  std::atomic<unsigned> counter_ = 0;
};

}  // namespace kiln::store
