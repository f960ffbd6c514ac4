// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "os/file_lock.h"
#include "store/store_paths.h"
#include "store/workspace.h"

namespace kiln::store {

/// `shared`: any number at once. `private_copy`: a free directory, a new one if all are in use.
/// `locked`: one after the other.
enum class CacheMountUse { shared, private_copy, locked };

/// Which cache is meant, and what a new one begins with.
struct CacheMountRequest {
  std::string id;
  /// What besides the id tells caches apart: the files that they began with, their owner.
  std::string variant;
  CacheMountUse use = CacheMountUse::shared;
  /// Fills a new one's directory, which is there and empty.
  std::function<Result<void>(const std::string& path)> fill;
};

/// A cache directory in use. It is nobody else's to remove until this goes.
class CacheMountLease {
 public:
  const std::string& path() const { return path_; }

 private:
  friend class CacheMounts;
  CacheMountLease(std::string path, os::FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  os::FileLock lock_;
};

/// What is known of a cache directory.
struct CacheMountRecord {
  std::string name;  ///< of its folder
  std::string id;
  std::string variant;
  TimePoint created;
  TimePoint used;  ///< when a step last began to use it
};

/// The directories of RUN --mount=type=cache. Of an id and variant there may be several, numbered.
/// Thread-safe, and between processes: a lock file in each folder says who uses it.
class CacheMounts {
 public:
  CacheMounts(StorePaths paths, Workspace& workspace)
      : paths_(std::move(paths)), workspace_(&workspace) {}

  /// Waits for a directory if it has to; kind cancelled when `stop` is asked for meanwhile.
  Result<CacheMountLease> acquire(const CacheMountRequest& request, const std::stop_token& stop);
  /// Sorted by name.
  Result<std::vector<CacheMountRecord>> list() const;
  /// Deletes a directory, by its record's name; false, and it stays, while a step uses it.
  Result<bool> remove(const std::string& name) const;
  /// A directory that is there, for this alone: nullopt while a step uses it. Kind not_found.
  Result<std::optional<CacheMountLease>> hold(const std::string& name) const;
  /// Gives `made`, a directory of the store's tmp/, to an id and variant: in place of its
  /// `number`th directory, if it has so many. False, and nothing changes, while a step uses that.
  Result<bool> replace(const std::string& id, const std::string& variant, std::size_t number,
                       const std::string& made) const;

 private:
  Result<void> create(const std::string& folder, const CacheMountRequest& request);
  Result<std::optional<CacheMountLease>> try_use(const std::string& folder,
                                                 const CacheMountRequest& request);
  StorePaths paths_;
  Workspace* workspace_;
};

}  // namespace kiln::store
