// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_format.h"

namespace kiln::archive {

HeaderChecksum header_checksum(const char* block) {
  std::uint32_t as_unsigned = 0;
  std::uint32_t high_bits = 0;
  for (std::size_t i = 0; i < kBlockSize; ++i) {
    const auto byte = static_cast<std::uint8_t>(block[i]);
    as_unsigned += byte;
    high_bits += byte >> 7;
  }
  for (std::size_t i = 0; i < kChecksum.size; ++i) {
    const auto byte = static_cast<std::uint8_t>(block[kChecksum.offset + i]);
    as_unsigned += std::uint32_t{' '} - byte;
    high_bits -= byte >> 7;
  }
  return {as_unsigned, static_cast<std::int32_t>(as_unsigned - 256 * high_bits)};
}

}  // namespace kiln::archive
