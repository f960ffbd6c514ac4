// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace kiln::os {

enum class FileType { file, directory, symlink, char_device, block_device, fifo, socket, unknown };

/// What lstat tells of a file.
struct FileInfo {
  FileType type = FileType::unknown;
  std::uint32_t permissions = 0;  ///< 07777 bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::int64_t ctime = 0;
  std::uint32_t ctime_nanoseconds = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 0;
  std::uint64_t allocated = 0;  ///< bytes on disk
  std::uint32_t rdev_major = 0;
  std::uint32_t rdev_minor = 0;

  /// Overlayfs's mark for a name that hides one below: a character device 0/0.
  bool is_whiteout() const {
    return type == FileType::char_device && rdev_major == 0 && rdev_minor == 0;
  }
};

}  // namespace kiln::os
