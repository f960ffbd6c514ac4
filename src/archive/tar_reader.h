// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/byte_stream.h"
#include "archive/pax.h"
#include "archive/sparse_map.h"
#include "archive/tar_entry.h"

namespace kiln::archive {

/// Reads a tar stream, entry by entry, from a source that outlives it: ustar, pax (global and
/// extended headers, SCHILY.xattr and LIBARCHIVE.xattr), V7 and GNU (long names and links, base-256
/// numbers, sparse files in all formats: old GNU 'S' and pax 0.0, 0.1 and 1.0, whose content is
/// given with its holes filled in). A type that is unknown is a file, as POSIX has it; a GNU dump
/// directory is a directory; volume labels are passed over. Of links, directories and devices the
/// size is taken for zero, as Go's and GNU's readers do. Foreign bytes: every length is checked
/// before it is used, memory is bounded (extended headers and long names of at most 1 MiB, sparse
/// files of at most 2^20 runs), as is what comes of nothing (at most 64 GiB of holes in all of the
/// sparse files together), header checksums are verified. Kind corrupt, with the offset, for
/// what isn't sound; after an error only destruction is left.
class TarReader {
 public:
  explicit TarReader(ByteSource& source) : source_(&source) {}
  /// The next entry, or nullopt at the end of the archive (two zero blocks; what follows is read
  /// away so that a checksum over the source covers all of it; a stream that ends at an entry's
  /// boundary without them is accepted as Go's and GNU's readers do). Content that wasn't read is
  /// skipped.
  Result<std::optional<TarEntry>> next();
  /// Reads content of the current entry; 0 at its end.
  Result<std::size_t> read(MutableBytes into);
  /// Passes over the hole that the content stands at, and returns its length; 0 at anything else.
  std::uint64_t skip_hole();
  /// Right after next(): where in the stream the entry's content begins. It stands there as it is
  /// unless the file is sparse.
  std::uint64_t content_offset() const { return offset_; }
  /// Whether all that was read so far, headers, padding and the end, is what TarWriter writes for
  /// the same entries and contents. Sub-second times are in no such stream.
  bool canonical() const { return canonical_; }

 private:
  /// What headers before an entry's own say about it.
  struct Extensions {
    PaxRecords pax;
    std::optional<std::string> long_name;
    std::optional<std::string> long_link;
    bool any = false;
  };

  Result<bool> read_header();
  Result<bool> read_extension(Extensions& extensions);
  Result<TarEntry> read_entry(Extensions extensions);
  void compare_header(const TarEntry& entry);
  Result<std::uint64_t> content_size(const PaxRecords& pax) const;
  Result<void> read_sparse_map(const PaxRecords& pax, TarEntry& entry);
  std::uint64_t hole();
  Result<void> read_gnu_sparse_map(TarEntry& entry);
  Result<std::vector<SparseRun>> read_sparse_map_of_content();
  Result<void> merge_globals(std::string_view body);

  Result<std::string> read_special_content(std::uint64_t size);
  Result<void> skip_rest_of_entry();
  Result<bool> read_block(char* block);
  Result<std::size_t> fill();
  Result<std::size_t> read_raw(MutableBytes into);
  void consume(std::size_t count);
  Error unsound(std::string_view what) const;

  ByteSource* source_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t buffer_begin_ = 0;
  std::size_t buffer_end_ = 0;
  std::uint64_t offset_ = 0;         ///< in the stream, of the next byte to consume
  std::uint64_t header_offset_ = 0;  ///< of the header block last read
  char header_[kBlockSize] = {};
  PaxRecords globals_;
  bool ended_ = false;
  bool canonical_ = true;
  std::string raw_;               ///< the current entry's headers as they came, while canonical_
  std::string canonical_header_;  ///< kept for its capacity

  std::uint64_t size_ = 0;      ///< of the current entry's content, holes included
  std::uint64_t position_ = 0;  ///< in it
  std::vector<SparseRun> runs_;
  std::uint64_t holes_ = 0;        ///< of all entries so far
  std::size_t next_run_ = 0;       ///< the first run that doesn't end before position_
  std::uint64_t stored_left_ = 0;  ///< bytes of the current entry still in the stream
  std::size_t padding_left_ = 0;   ///< and of what follows up to the next block
};

}  // namespace kiln::archive
