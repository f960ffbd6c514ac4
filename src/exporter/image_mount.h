// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "os/dir.h"
#include "os/mount.h"
#include "store/store.h"

namespace kiln::exporter {

/// The file system that a stack of layers makes, mounted to be read as long as this is there.
class ImageMount {
 public:
  static Result<ImageMount> open(store::Store& store, const std::vector<oci::DiffId>& layers);
  const os::Dir& root() const { return root_; }

 private:
  ImageMount(store::LayerIngest scratch, os::Mount mount, os::Dir root)
      : scratch_(std::move(scratch)), mount_(std::move(mount)), root_(std::move(root)) {}
  store::LayerIngest scratch_;  ///< an upper directory that stays empty
  os::Mount mount_;
  os::Dir root_;
};

}  // namespace kiln::exporter
