// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/image_config.h"
#include "oci/platform.h"
#include "store/store.h"

namespace kiln::exporter {

inline constexpr std::string_view kLayoutScheme = "oci-layout://";

/// An image of an OCI image layout (image spec, image-layout.md).
struct LayoutImage {
  oci::ImageConfig config;
  std::vector<oci::DiffId> new_layers;  ///< those of its layers that the store did not have
};

/// Brings the layers of `oci-layout://PATH[:TAG][@DIGEST]` into the store; no image of the store is
/// made of it. Without a digest the image is the one that the layout's index calls TAG (latest), or
/// else its only one; of several platforms, `platform`'s. Blobs are verified. Kind not_found if
/// there is none, corrupt for what isn't sound.
Result<LayoutImage> load_layout(store::Store& store, const std::string& address,
                                const oci::Platform& platform, std::stop_token stop = {});

}  // namespace kiln::exporter
