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
  enum class Subject { index, blob, layer, record, image };
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

/// Verifies all that a store keeps: the index as SQLite sees it, every blob against its digest,
/// every layer's directory against its diff ID, or what its blob unpacks to (on `jobs` threads),
/// every record against its input list, every image's config, manifest and layers. A repair makes
/// layers again whose blobs are sound, and drops what is wrong where only the cache has it:
/// records, also of runs that had a damaged layer as an input, layers, blobs that no image names.
/// An image that is broken is named and stays; its damaged layer is not used any more, and replaced
/// when it is made or pulled again.
Result<CheckReport> check_store(store::Store& store, Repair repair, unsigned jobs);

}  // namespace kiln::snapshot
