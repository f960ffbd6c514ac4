// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "store/store.h"

namespace kiln::exporter {

/// An image that a build made for one platform of several.
struct PlatformImage {
  oci::Platform platform;
  store::Image image;
};

/// Puts an index of these images, in their order, into the store and names it.
/// What comes back is the image that its names lead to, with the index.
Result<store::Image> put_index(store::Store& store, const std::vector<PlatformImage>& images,
                               const std::vector<oci::Reference>& names);

}  // namespace kiln::exporter
