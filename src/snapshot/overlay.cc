// SPDX-License-Identifier: Apache-2.0
#include "snapshot/overlay.h"

#include <algorithm>

#include "snapshot/layer_form.h"

namespace kiln::snapshot {

Result<os::Mount> mount_layers(const store::LayerStore& store, const std::vector<oci::DiffId>& layers,
                               const std::string& upper, const std::string& work,
                               const std::string& mount_point, const std::string& empty_dir) {
  std::vector<os::Dir> lower = TRY(store.open_all(layers));
  const os::Dir upper_dir = TRY(os::Dir::open(upper));
  const os::Dir work_dir = TRY(os::Dir::open(work));
  if (lower.empty()) {
    TRY(os::ensure_directory(empty_dir));
    os::Dir empty = TRY(os::Dir::open(empty_dir));
    lower.push_back(std::move(empty));
  } else {
    // The merged root shows the topmost directory's metadata, and that is the upper one's now.
    const os::Dir& top = lower.back();
    const os::FileInfo info = TRY(top.stat("."));
    const os::Xattrs on_disk = TRY(top.xattrs("."));
    TRY(apply_metadata(upper_dir, ".", false,
                       {info.permissions, info.uid, info.gid, info.mtime, info.mtime_nanoseconds,
                        image_xattrs(on_disk)}));
  }
  std::vector<const os::Dir*> topmost_first;
  for (auto it = lower.rbegin(); it != lower.rend(); ++it) topmost_first.push_back(&*it);
  return os::Mount::overlay(topmost_first, &upper_dir, &work_dir, mount_point);
}

}  // namespace kiln::snapshot
