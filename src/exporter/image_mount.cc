// SPDX-License-Identifier: Apache-2.0
#include "exporter/image_mount.h"

#include "snapshot/overlay.h"

namespace kiln::exporter {

Result<ImageMount> ImageMount::open(store::Store& store, const std::vector<oci::DiffId>& layers) {
  TRY(store.layers().get_all(layers));
  store::LayerIngest scratch = TRY(store.layers().create());
  os::Mount mount =
      TRY(snapshot::mount_layers(store.layers(), layers, scratch.fs_path(), scratch.work_path(),
                                 scratch.mount_path(), scratch.scratch_path() + "/empty"));
  os::Dir root = TRY(os::Dir::open(scratch.mount_path()));
  return ImageMount(std::move(scratch), std::move(mount), std::move(root));
}

}  // namespace kiln::exporter
