// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_plan.h"

namespace kiln::snapshot {

Result<PlannedInode> inode_of(const LayerView& view, const ViewEntry& entry) {
  PlannedInode inode;
  inode.metadata = TRY(view.metadata(entry));
  inode.device_major = entry.info.rdev_major;
  inode.device_minor = entry.info.rdev_minor;
  switch (entry.info.type) {
    case os::FileType::symlink:
      inode.type = archive::EntryType::symlink;
      inode.link_target = TRY(view.read_link(entry));
      return inode;
    case os::FileType::fifo:
      inode.type = archive::EntryType::fifo;
      return inode;
    case os::FileType::char_device:
      inode.type = archive::EntryType::char_device;
      return inode;
    case os::FileType::block_device:
      inode.type = archive::EntryType::block_device;
      return inode;
    default:
      break;
  }
  const os::Xattrs on_disk = TRY(view.xattrs_on_disk(entry));
  if (const auto device = shadow_device(on_disk)) {
    inode.type = device->type;
    inode.device_major = device->major;
    inode.device_minor = device->minor;
    return inode;
  }
  inode.type = archive::EntryType::file;
  inode.content.root = &view.layer(entry.layer);
  inode.content.path = entry.path;
  return inode;
}

}  // namespace kiln::snapshot
