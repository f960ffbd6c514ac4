// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "store/store.h"

namespace kiln::snapshot {

/// Makes one layer of those from number `keep` on, lowest first: over the ones before it, it gives
/// the file system that all of them give. What they hide of each other is not in it, and of what is
/// below only what is there is hidden.
Result<store::LayerInfo> squash_layers(store::Store& store, const std::vector<oci::DiffId>& layers,
                                       std::size_t keep, const std::stop_token& stop);

}  // namespace kiln::snapshot
