// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
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
  std::map<std::string, std::string> annotations = {};  ///< of its entry in the index
};

/// Puts an index of these images, in their order, into the store and names it. `annotations` are
/// the index's own.
/// What comes back is the image that its names lead to, with the index.
Result<store::Image> put_index(store::Store& store, const std::vector<PlatformImage>& images,
                               const std::vector<oci::Reference>& names,
                               const std::map<std::string, std::string>& annotations = {});

}  // namespace kiln::exporter
