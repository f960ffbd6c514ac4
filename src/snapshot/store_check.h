// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace kiln::snapshot {

/// Something in a store that is not what it should be.
struct Defect {
  enum class Subject { blob, layer, record, image };
  Subject subject = Subject::blob;
  std::string name;  ///< digest, key, or an image's name
  std::string what;
  bool repaired = false;
};

struct CheckReport {
  std::size_t blobs = 0, layers = 0, records = 0, images = 0;  ///< looked at
  std::vector<Defect> defects;
};

enum class Repair { no, yes };

/// Verifies all that a store keeps: every blob against its digest, every layer's directory against
/// its diff ID (on `jobs` threads), every record against its input list, every image's
/// config, manifest and layers. A repair drops what is wrong where only the cache has it: records,
/// layers, blobs that no image names. An image that is broken is named and stays.
Result<CheckReport> check_store(store::Store& store, Repair repair, unsigned jobs);

}  // namespace kiln::snapshot
