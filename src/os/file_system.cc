// SPDX-License-Identifier: Apache-2.0
#include "os/file_system.h"

#include <linux/magic.h>
#include <sys/vfs.h>

namespace kiln::os {
namespace {

// Not in linux/magic.h.
constexpr long kBcachefs = 0xca451a4e;
constexpr long kZfs = 0x2fc12fc1;

}  // namespace

bool dates_directories(const Dir& dir) {
  struct statfs info{};
  if (::fstatfs(dir.fd(), &info) != 0) return false;
  switch (static_cast<long>(info.f_type)) {
    case EXT4_SUPER_MAGIC:  // ext2 and ext3 too
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case kBcachefs:
    case kZfs:
      return true;
    default:
      return false;
  }
}

}  // namespace kiln::os
