// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "archive/byte_stream.h"
#include "archive/compression.h"

namespace kiln::archive {

/// The decoders behind decompress(). Each reads `source`, which must outlive it, to its end.
std::unique_ptr<ByteSource> decode_gzip(ByteSource& source);
std::unique_ptr<ByteSource> decode_zstd(ByteSource& source);
/// bzip2 or xz.
Result<std::unique_ptr<ByteSource>> decode_by_libarchive(ByteSource& source,
                                                         Compression compression);

}  // namespace kiln::archive
