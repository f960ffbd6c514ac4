// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "oci/manifest.h"
#include "store/content_store.h"
#include "store/layer_store.h"

namespace kiln::store {

/// Kind corrupt if `blob`, a form of the layer, has another size in the store than it says. What
/// is not here is not compared.
Result<void> check_layer_size(const ContentStore& blobs, const LayerInfo& layer,
                              const oci::Descriptor& blob);

/// Kind corrupt if a descriptor says another size than `found`.
Result<void> check_size(const oci::Descriptor& said, std::uint64_t found);

}  // namespace kiln::store
