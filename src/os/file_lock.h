// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// An flock(2) on a file that is made for it; held until destroyed, and given up by the kernel when
/// the process dies. Locks of one process exclude each other too.
class FileLock {
 public:
  enum class Mode { shared, exclusive };
  /// Waits for it.
  static Result<FileLock> acquire(const std::string& path, Mode mode);
  /// On a file that is there, which need not be writable.
  static Result<FileLock> acquire_existing(const std::string& path, Mode mode);
  /// nullopt if somebody else holds it.
  static Result<std::optional<FileLock>> try_acquire(const std::string& path, Mode mode);
  /// Removes the lock file while holding the lock exclusively.
  void remove();

 private:
  FileLock(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  static Result<FileLock> acquire_opened(const std::string& path, Mode mode, int flags);

  Fd fd_;
  std::string path_;
};

}  // namespace kiln::os
