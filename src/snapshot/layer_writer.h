// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "base/result.h"
#include "snapshot/layer_contents.h"
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
/// files in the same pass: every file is read once. A layer of many files gets a list of its
/// contents beside it.
/// What did not change since `earlier`, which may be null, is taken from there.
Result<store::LayerInfo> write_layer(const PlannedEntry& root, const LayerWriteOptions& options,
                                     const store::LayerIngest& ingest, const ContentSeen& seen,
                                     const EarlierLayer* earlier = nullptr);

}  // namespace kiln::snapshot
