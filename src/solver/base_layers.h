// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"

namespace kiln::solver {

/// Layers of base images that the store has not yet: they come when a step, or the result, needs
/// them, and never if none does. May be used by several threads.
class BaseLayers {
 public:
  virtual ~BaseLayers() = default;
  /// Whether it can bring the layer.
  virtual bool offers(const oci::DiffId& layer) const = 0;
  /// Those of `layers` that it offers are in the store then.
  virtual Result<void> ensure(const std::vector<oci::DiffId>& layers,
                              const std::stop_token& stop) = 0;
  /// Begins to bring the images that are part of `layers`, and returns at once.
  virtual void fetch_ahead(const std::vector<oci::DiffId>& layers) = 0;
  /// Ends what was begun ahead, finished or not: nothing is reported after that.
  virtual void stop_fetching() = 0;
};

}  // namespace kiln::solver
