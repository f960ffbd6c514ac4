// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "archive/byte_stream.h"
#include "archive/tar_entry.h"

namespace kiln::archive {

/// The bytes of one entry's header in kiln's canonical tar form, a pure function of the entry:
/// - a ustar header: name (a directory's ends in '/'), mode, uid, gid, size, mtime, type, link
/// name,
///   device numbers (zero but for devices); user and group names empty; numbers octal, zero-padded;
/// - before it, only where ustar can't hold a value, one pax extended header ('x', named
///   "PaxHeaders.0/" and the base name, cut to fit) whose records are sorted by key: path or
///   linkpath over 100 bytes (the ustar prefix field is never used), uid or gid over 2097151, size
///   over 8 GiB - 1, mtime below 0 or over 8^11 - 1, SCHILY.devmajor or SCHILY.devminor over
///   2097151, and SCHILY.xattr.NAME for each xattr ('%' and '=' in NAME as %25 and %3D, as GNU tar
///   has it). The ustar field of such a name is cut, of such a number zero;
/// - names are raw bytes, UTF-8 or not;
/// - sub-second mtimes are dropped.
/// Names hold no NUL and `size` is 0 but for files: CHECKed.
std::string tar_header(const TarEntry& entry);
/// The same, appended to `out`: no allocation where no pax header is needed and `out` has room.
void append_tar_header(std::string& out, const TarEntry& entry);
/// Zero bytes that pad `size` bytes of content to a whole number of 512-byte blocks.
std::size_t tar_padding(std::uint64_t size);
/// What ends an archive: two zero blocks, 1,024 bytes.
std::string_view tar_trailer();

/// Writes a canonical tar stream to a sink that outlives it.
class TarWriter {
 public:
  explicit TarWriter(ByteSink& sink) : sink_(&sink) {}
  /// Begins an entry; `entry.size` bytes of content must follow, by write_content, before the next.
  Result<void> begin(const TarEntry& entry);
  Result<void> write_content(Bytes data);
  /// So many bytes of content were given to the sink itself, behind all that came from here.
  Result<void> content_passed(std::uint64_t size);
  /// Ends the archive. CHECKs that the last entry's content is whole.
  Result<void> finish();
  /// An entry with its content at once.
  Result<void> add(const TarEntry& entry, std::string_view content = {});

 private:
  ByteSink* sink_;
  std::string header_;         ///< kept for its capacity
  std::uint64_t missing_ = 0;  ///< content bytes still to come
  std::size_t padding_ = 0;    ///< to write once the content is whole
};

/// The content of the entry last begun, as a sink.
class TarContentSink final : public ByteSink {
 public:
  explicit TarContentSink(TarWriter& tar) : tar_(&tar) {}
  Result<void> write(Bytes data) override { return tar_->write_content(data); }

 private:
  TarWriter* tar_;
};

}  // namespace kiln::archive
