// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "store/store.h"

namespace kiln::snapshot {

/// Looks after the layers of which a power cut may have taken a part, since nothing waits for the
/// disk when a layer is made. Those of an earlier run of the machine are read and compared with
/// their digest; what is damaged is removed from the store and returned. Those of this run are
/// noted as safe some time later, when waiting for the disk costs next to nothing. Call it before
/// layers are used.
Result<std::vector<oci::DiffId>> settle_layers(store::Store& store);

}  // namespace kiln::snapshot
