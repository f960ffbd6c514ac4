// SPDX-License-Identifier: Apache-2.0
#include "archive/any_archive.h"

#include "archive/tar_format.h"

namespace kiln::archive {

bool looks_like_tar(Bytes head) {
  return head.size() >= kBlockSize &&
         has_right_checksum(reinterpret_cast<const char*>(head.data()));
}

}  // namespace kiln::archive
