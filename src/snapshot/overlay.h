// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "os/mount.h"
#include "store/layer_store.h"

namespace kiln::snapshot {

/// Mounts a stack of layers (lowest first; none is an empty root) with `upper` taking the writes,
/// at `mount_point`. `upper` must be empty and the caller's; the root is 0755 whatever layers say
/// of theirs. `empty_dir` is a path of an empty directory to be made, for a stack without layers.
/// Device files are there, but open nothing, unless `devices` says so.
Result<os::Mount> mount_layers(const store::LayerStore& store,
                               const std::vector<oci::DiffId>& layers, const std::string& upper,
                               const std::string& work, const std::string& mount_point,
                               const std::string& empty_dir,
                               os::Devices devices = os::Devices::closed);

}  // namespace kiln::snapshot
