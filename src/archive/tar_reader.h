// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "archive/byte_stream.h"
#include "archive/tar_entry.h"

namespace kiln::archive {

/// Reads a tar stream, entry by entry, from a source that outlives it: ustar, pax (global and extended
/// headers, SCHILY.xattr and LIBARCHIVE.xattr), GNU (long names and links, base-256 numbers, sparse
/// files in all formats: old GNU 'S' and pax 0.0, 0.1 and 1.0, whose content is given with its holes
/// filled in). Foreign bytes: every length is checked before it is used, memory is bounded (extended
/// headers and long names of at most 1 MiB), header checksums are verified. Kind corrupt, with the
/// offset, for what isn't sound.
class TarReader {
 public:
  explicit TarReader(ByteSource& source) : source_(&source) {}
  /// The next entry, or nullopt at the end of the archive (two zero blocks; what follows is read away
  /// so that a checksum over the source covers all of it; a stream that ends at an entry's boundary
  /// without them is accepted as Go's and GNU's readers do). Content that wasn't read is skipped.
  Result<std::optional<TarEntry>> next();
  /// Reads content of the current entry; 0 at its end.
  Result<std::size_t> read(MutableBytes into);

 private:
  struct SparseRun {
    std::uint64_t offset;
    std::uint64_t length;
  };
  ByteSource* source_;
};

}  // namespace kiln::archive
