// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "archive/byte_stream.h"

namespace kiln::archive {

enum class Compression { none, gzip, zstd, bzip2, xz };

/// What the first bytes of a stream (6 are enough) say it is; `none` if nothing known.
Compression detect_compression(Bytes head);

/// A source that gives `source`'s bytes decompressed, whatever of the five it is; plain bytes pass
/// through. Concatenated gzip members and zstd frames are read as one. `source` must outlive it.
/// gzip by ISA-L, zstd by libzstd, bzip2 and xz by libarchive's filters.
/// read() fails with kind corrupt on a bad or truncated stream, or on anything but zeros after
/// gzip's last member; after a failure only destruction is left.
Result<std::unique_ptr<ByteSource>> decompress(ByteSource& source);

/// A sink that compresses into another. finish() must be called, once and last, and writes the end;
/// destruction without it discards what is still pending. One thread at a time calls it, and only
/// within these calls is the other sink written to.
class CompressingSink : public ByteSink {
 public:
  virtual Result<void> finish() = 0;
};
/// What is compressed at a time: shared bytes of this size are not copied.
inline constexpr std::size_t kCompressionBlock = std::size_t{1} << 20;
/// The level that is best for layers on their way: gzip by ISA-L, zstd's level 3.
inline constexpr int kUsualLevel = -1;
/// gzip in independent blocks of a fixed input size, compressed on `threads` threads, by libdeflate
/// if `level` is not the usual one, and concatenated as members with zero mtime: the bytes depend
/// on the input and the level alone.
/// zstd likewise as frames. `none` passes bytes through. bzip2 and xz are not written.
std::unique_ptr<CompressingSink> compress(ByteSink& sink, Compression compression, int level,
                                          unsigned threads);

/// What so many bytes of a compressed stream may become: little that becomes more than any disk
/// holds is no image, and its digest would tell only at its end. 10,000 times as much, 1 GiB at the
/// least.
std::uint64_t expansion_limit(std::uint64_t packed);

/// Gives on what a source gives, up to a limit: kind corrupt beyond it.
class BoundedSource final : public ByteSource {
 public:
  BoundedSource(ByteSource& source, std::uint64_t limit)
      : source_(&source), limit_(limit), left_(limit) {}
  Result<std::size_t> read(MutableBytes into) override;

 private:
  ByteSource* source_;
  std::uint64_t limit_, left_;
};

}  // namespace kiln::archive
