// SPDX-License-Identifier: Apache-2.0
#include "cli/store_images.h"

#include "oci/reference.h"

namespace kiln::cli {

Result<frontend::BaseImage> StoreImages::resolve(const std::string& reference,
                                                 const oci::Platform& /*platform*/) {
  const auto image = TRY(store_->images().find(reference));
  if (!image) {
    TRY(oci::Reference::parse(reference));
    return not_found(reference + ": no such image in the store")
        .with_hint("kiln images lists what is there; kiln import and kiln load bring images in");
  }
  frontend::BaseImage out;
  out.config = TRY(store_->images().config(*image));
  return out;
}

}  // namespace kiln::cli
