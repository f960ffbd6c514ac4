// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "frontend/build_plan.h"
#include "store/store.h"

namespace kiln::cli {

/// Base images out of the store, which must outlive this.
class StoreImages final : public frontend::BaseImages {
 public:
  explicit StoreImages(store::Store& store) : store_(&store) {}
  Result<frontend::BaseImage> resolve(const std::string& reference,
                                      const oci::Platform& platform) override;

 private:
  store::Store* store_;
};

}  // namespace kiln::cli
