// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/platform.h"
#include "os/fd.h"
#include "store/store.h"

namespace kiln::exporter {

struct LoadedImage {
  store::Image image;
  std::vector<std::string> names;  ///< canonical; those that the archive gave it
};

struct LoadOptions {
  /// Nothing else is loaded; kind not_found if the archive has nothing for it.
  std::optional<oci::Platform> platform = {};
  /// Loading ends with kind cancelled, and what was unpacked so far stays without a name.
  std::stop_token stop = {};
};

/// Puts the images of an archive into the store: `docker save`'s form, old or new, or an OCI image
/// layout, plain or compressed as a whole. Layers are verified against their diff IDs, blobs
/// against their digests; nothing is named before all of its image is there. An input that is not a
/// plain file is kept in the store's tmp/ first. Kind corrupt for what isn't sound.
/// The images of an index become an index in the store, as far as the archive holds them. What an
/// image layout holds keeps its manifest and its compressed layers.
Result<std::vector<LoadedImage>> load_image_archive(store::Store& store, const os::Fd& input,
                                                    const std::string& name,
                                                    const LoadOptions& options = {});

}  // namespace kiln::exporter
