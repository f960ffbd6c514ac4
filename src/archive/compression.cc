// SPDX-License-Identifier: Apache-2.0
#include "archive/compression.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "archive/block_compressor.h"
#include "archive/decoders.h"
#include "archive/prefixed_source.h"
#include "base/check.h"

namespace kiln::archive {
namespace {

constexpr std::size_t kHeadSize = std::size_t{4} << 10;
constexpr std::size_t kLongestMagic = 6;

/// A decoder together with the source that it reads.
class OwningDecoder final : public ByteSource {
 public:
  OwningDecoder(std::unique_ptr<ByteSource> source, std::unique_ptr<ByteSource> decoder)
      : source_(std::move(source)), decoder_(std::move(decoder)) {}
  Result<std::size_t> read(MutableBytes into) override { return decoder_->read(into); }

 private:
  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<ByteSource> decoder_;
};

class PassThrough final : public CompressingSink {
 public:
  explicit PassThrough(ByteSink& sink) : sink_(&sink) {}
  Result<void> write(Bytes data) override { return sink_->write(data); }
  Result<void> finish() override { return {}; }

 private:
  ByteSink* sink_;
};

bool is_skippable_zstd_frame(std::string_view head) {
  return head.size() >= 4 && (static_cast<std::uint8_t>(head[0]) & 0xf0) == 0x50 &&
         head.substr(1, 3) == "\x2a\x4d\x18";
}

Result<std::unique_ptr<ByteSource>> decode(ByteSource& source, Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return decode_gzip(source);
    case Compression::zstd:
      return decode_zstd(source);
    case Compression::bzip2:
    case Compression::xz:
      return decode_by_libarchive(source, compression);
    case Compression::none:
      break;
  }
  std::unreachable();
}

}  // namespace

Compression detect_compression(Bytes head) {
  const std::string_view text = as_text(head);
  if (text.starts_with("\x1f\x8b\x08")) return Compression::gzip;
  if (text.starts_with("\x28\xb5\x2f\xfd") || is_skippable_zstd_frame(text)) {
    return Compression::zstd;
  }
  if (text.starts_with("BZh")) return Compression::bzip2;
  if (text.starts_with(std::string_view("\xfd\x37zXZ\0", 6))) return Compression::xz;
  return Compression::none;
}

Result<std::unique_ptr<ByteSource>> decompress(ByteSource& source) {
  std::vector<std::byte> head(kHeadSize);
  std::size_t size = 0;
  while (size < kLongestMagic) {
    const std::size_t count = TRY(source.read(MutableBytes(head).subspan(size)));
    if (count == 0) break;
    size += count;
  }
  head.resize(size);
  const Compression compression = detect_compression(head);
  std::unique_ptr<ByteSource> whole = std::make_unique<PrefixedSource>(std::move(head), source);
  if (compression == Compression::none) return whole;
  std::unique_ptr<ByteSource> decoder = TRY(decode(*whole, compression));
  return std::make_unique<OwningDecoder>(std::move(whole), std::move(decoder));
}

std::unique_ptr<CompressingSink> compress(ByteSink& sink, Compression compression, int level,
                                          unsigned threads) {
  switch (compression) {
    case Compression::none:
      return std::make_unique<PassThrough>(sink);
    case Compression::gzip:
      return std::make_unique<BlockCompressor>(sink, gzip_encoder(level), threads);
    case Compression::zstd:
      return std::make_unique<BlockCompressor>(sink, zstd_encoder(level), threads);
    case Compression::bzip2:
    case Compression::xz:
      break;
  }
  CHECK(compression != Compression::bzip2 && compression != Compression::xz);
  std::unreachable();
}

std::uint64_t expansion_limit(std::uint64_t packed) {
  constexpr std::uint64_t kMost = 10'000, kNeverTooMuch = std::uint64_t{1} << 30;
  return std::max(kNeverTooMuch, std::min(packed, UINT64_MAX / kMost) * kMost);
}

Result<std::size_t> BoundedSource::read(MutableBytes into) {
  const std::size_t n = TRY(source_->read(into));
  if (n > left_) {
    return corrupt("it unpacks to too much: more than " + std::to_string(limit_) + " bytes");
  }
  left_ -= n;
  return n;
}

}  // namespace kiln::archive
