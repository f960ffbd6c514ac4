// SPDX-License-Identifier: Apache-2.0
#include "os/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace kiln::os {
namespace {

/// Whether the locked file is still the one at `path`: its holder may have removed it.
bool is_current(const Fd& fd, const std::string& path) {
  struct stat mine{}, there{};
  return ::fstat(fd.get(), &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
         mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path, Mode mode) {
  return acquire_opened(path, mode, O_RDWR | O_CREAT);
}

Result<FileLock> FileLock::acquire_existing(const std::string& path, Mode mode) {
  return acquire_opened(path, mode, O_RDONLY);
}

Result<FileLock> FileLock::acquire_opened(const std::string& path, Mode mode, int flags) {
  for (;;) {
    Fd fd = TRY(open_file(path, flags, 0644));
    while (::flock(fd.get(), mode == Mode::shared ? LOCK_SH : LOCK_EX) != 0) {
      if (errno != EINTR) return system_error(errno, "lock", path);
    }
    if (is_current(fd, path)) return FileLock(std::move(fd), path);
  }
}

Result<std::optional<FileLock>> FileLock::try_acquire(const std::string& path, Mode mode) {
  for (;;) {
    Fd fd = TRY(open_file(path, O_RDWR | O_CREAT, 0644));
    if (::flock(fd.get(), (mode == Mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::optional<FileLock>();
      if (errno == EINTR) continue;
      return system_error(errno, "lock", path);
    }
    if (is_current(fd, path)) return std::optional<FileLock>(FileLock(std::move(fd), path));
  }
}

void FileLock::remove() { ::unlink(path_.c_str()); }

}  // namespace kiln::os
