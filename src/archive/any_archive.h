// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "archive/byte_stream.h"
#include "archive/compression.h"

namespace kiln::archive {

/// Whether the head of a file (the first 512 decompressed bytes are enough) is a tar header with a
/// right checksum: what ADD unpacks. Docker's test: plain, gzip, bzip2, xz or zstd around a tar.
bool looks_like_tar(Bytes head);

}  // namespace kiln::archive
