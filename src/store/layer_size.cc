// SPDX-License-Identifier: Apache-2.0
#include "store/layer_size.h"

#include "os/file_io.h"

namespace kiln::store {

Result<void> check_layer_size(const ContentStore& blobs, const LayerInfo& layer,
                              const oci::Descriptor& blob) {
  if (blob.digest.hex() == layer.diff_id.hex()) return check_size(blob, layer.tar_size);
  if (!blobs.has(blob.digest)) return {};
  const os::Fd file = TRY(blobs.open(blob.digest));
  const os::FileInfo info = TRY(os::file_info(file, blob.digest.str()));
  return check_size(blob, info.size);
}

Result<void> check_size(const oci::Descriptor& said, std::uint64_t found) {
  if (said.size == found) return {};
  return corrupt("blob " + said.digest.str() + " has " + std::to_string(found) +
                 " bytes, its descriptor says " + std::to_string(said.size));
}

}  // namespace kiln::store
