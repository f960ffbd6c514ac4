// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "base/result.h"
#include "snapshot/layer_plan.h"
#include "store/layer_store.h"

namespace kiln::snapshot {

struct LayerWriteOptions {
  /// Unset: mtimes are as they are.
  std::optional<MtimeLimit> mtimes;
  /// Ends the writing with kind cancelled, within a block of data.
  std::stop_token stop = {};
};

/// Writes a planned layer into an empty ingest and computes its diff ID and the digests of its
/// files in the same pass: every file is read once.
Result<store::LayerInfo> write_layer(const PlannedEntry& root, const LayerWriteOptions& options,
                                     const store::LayerIngest& ingest, const ContentSeen& seen);

}  // namespace kiln::snapshot
