// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace kiln {

/// Whether this processor has the SHA extensions that compress_pair needs.
bool can_compress_pairs();
/// SHA-256's compression of blocks of 64 bytes, `blocks` of each message, into two states of eight
/// words each. One digest can't keep the processor busy, since each of its rounds waits for the one
/// before.
void compress_pair(std::uint32_t* first, const std::byte* first_data, std::uint32_t* second,
                   const std::byte* second_data, std::size_t blocks);

}  // namespace kiln
