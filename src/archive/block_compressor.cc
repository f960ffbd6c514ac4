// SPDX-License-Identifier: Apache-2.0
#include "archive/block_compressor.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace kiln::archive {
namespace {

// So many compressed blocks may be with the sink.
constexpr std::size_t kHeldOutputs = 4;

struct FreeGzip {
  void operator()(libdeflate_compressor* compressor) const {
    libdeflate_free_compressor(compressor);
  }
};

/// libdeflate writes a zero mtime and 255, "unknown", as the operating system.
class GzipEncoder final : public BlockEncoder {
 public:
  explicit GzipEncoder(int level) : compressor_(libdeflate_alloc_compressor(level)) {
    CHECK(compressor_ != nullptr);
  }
  std::size_t bound(std::size_t size) const override {
    return libdeflate_gzip_compress_bound(compressor_.get(), size);
  }
  std::size_t encode(Bytes block, MutableBytes into) override {
    const std::size_t size = libdeflate_gzip_compress(compressor_.get(), block.data(), block.size(),
                                                      into.data(), into.size());
    CHECK(size > 0);
    return size;
  }

 private:
  std::unique_ptr<libdeflate_compressor, FreeGzip> compressor_;
};

/// ISA-L's level 2, four times as fast as libdeflate's usual level for a tenth more bytes. Its
/// levels 0 to 2 write the same bytes on every x86-64 processor since SSE 4.2, level 3 does not.
class FastGzipEncoder final : public BlockEncoder {
 public:
  std::size_t bound(std::size_t size) const override {
    constexpr std::size_t kStoredBlock = 65535, kStoredHeader = 5, kWrapper = 64;
    return size + (size / kStoredBlock + 1) * kStoredHeader + kWrapper;
  }
  std::size_t encode(Bytes block, MutableBytes into) override {
    isal_deflate_stateless_init(&stream_);
    stream_.level = 2;
    stream_.level_buf = reinterpret_cast<std::uint8_t*>(work_.data());
    stream_.level_buf_size = static_cast<std::uint32_t>(work_.size());
    stream_.gzip_flag = IGZIP_GZIP;
    stream_.end_of_stream = 1;
    // ISA-L's declaration lacks a const: it only reads.
    stream_.next_in =
        reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(block.data()));  // NOLINT
    stream_.avail_in = static_cast<std::uint32_t>(block.size());
    stream_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
    stream_.avail_out = static_cast<std::uint32_t>(into.size());
    CHECK(isal_deflate_stateless(&stream_) == COMP_OK);
    return stream_.total_out;
  }

 private:
  isal_zstream stream_{};
  std::vector<std::byte> work_ = std::vector<std::byte>(ISAL_DEF_LVL2_LARGE);
};

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

class ZstdEncoder final : public BlockEncoder {
 public:
  explicit ZstdEncoder(int level) : context_(ZSTD_createCCtx()), level_(level) {
    CHECK(context_ != nullptr);
  }
  std::size_t bound(std::size_t size) const override { return ZSTD_compressBound(size); }
  std::size_t encode(Bytes block, MutableBytes into) override {
    const std::size_t size = ZSTD_compressCCtx(context_.get(), into.data(), into.size(),
                                               block.data(), block.size(), level_);
    CHECK(ZSTD_isError(size) == 0);
    return size;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, FreeZstd> context_;
  int level_;
};

}  // namespace

EncoderFactory gzip_encoder(int level) {
  return [level]() -> std::unique_ptr<BlockEncoder> {
    if (level == kUsualLevel) return std::make_unique<FastGzipEncoder>();
    return std::make_unique<GzipEncoder>(std::min(level, 12));
  };
}

EncoderFactory zstd_encoder(int level) {
  return [level] {
    return std::make_unique<ZstdEncoder>(level < 0 ? 3 : std::clamp(level, 1, ZSTD_maxCLevel()));
  };
}

BlockCompressor::BlockCompressor(ByteSink& sink, EncoderFactory make_encoder, unsigned threads)
    : sink_(&sink),
      make_encoder_(std::move(make_encoder)),
      own_encoder_(make_encoder_()),
      output_bound_(own_encoder_->bound(kCompressionBlock)),
      outputs_(std::max(threads, 1U) + 2 + kHeldOutputs, output_bound_),
      slots_(std::max(threads, 1U) + 2) {
  // Fewer threads than wanted, or none, make it slower and change nothing else.
  while (threads_.size() < std::max(threads, 1U) && start_thread()) {
  }
  if (!threads_.empty()) own_encoder_.reset();
}

bool BlockCompressor::start_thread() {
  try {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

BlockCompressor::~BlockCompressor() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

Result<void> BlockCompressor::write(Bytes data) {
  CHECK(!finished_);
  while (!data.empty()) {
    Slot& current = slot(submitted_);
    if (!current.gathered)
      current.gathered = std::make_unique_for_overwrite<std::byte[]>(kCompressionBlock);
    const std::size_t before = current.input.data.size();
    const std::size_t count = std::min(data.size(), kCompressionBlock - before);
    std::memcpy(current.gathered.get() + before, data.data(), count);
    current.input.data = {current.gathered.get(), before + count};
    data = data.subspan(count);
    if (current.input.data.size() == kCompressionBlock) TRY(submit());
  }
  return {};
}

Result<void> BlockCompressor::write_shared(SharedBytes bytes) {
  CHECK(!finished_);
  Slot& current = slot(submitted_);
  if (bytes.data.size() != kCompressionBlock || !current.input.data.empty())
    return write(bytes.data);
  current.input = std::move(bytes);
  return submit();
}

Result<void> BlockCompressor::finish() {
  CHECK(!finished_);
  finished_ = true;
  // An empty input is one empty block: nothing at all would be neither gzip nor zstd.
  if (submitted_ == 0 || !slot(submitted_).input.data.empty()) TRY(submit());
  while (written_ < submitted_) TRY(write_oldest());
  return {};
}

/// Hands the current block to the threads, and sees to it that the next one's slot is free.
Result<void> BlockCompressor::submit() {
  if (threads_.empty()) {
    encode(slot(submitted_), *own_encoder_);
    slot(submitted_).encoded = true;
    ++submitted_;
    return write_oldest();
  }
  {
    const std::lock_guard lock(mutex_);
    ++submitted_;
  }
  block_submitted_.notify_one();
  while (written_ < submitted_ && oldest_is_encoded(Wait::no)) TRY(write_oldest());
  if (submitted_ - written_ == slots_.size()) return write_oldest();
  return {};
}

bool BlockCompressor::oldest_is_encoded(Wait wait) {
  std::unique_lock lock(mutex_);
  const bool& encoded = slot(written_).encoded;
  if (wait == Wait::yes) block_encoded_.wait(lock, [&] { return encoded; });
  return encoded;
}

Result<void> BlockCompressor::write_oldest() {
  CHECK(oldest_is_encoded(Wait::yes));
  Slot& oldest = slot(written_);
  oldest.input = {};
  oldest.encoded = false;
  ++written_;
  return sink_->write_shared(std::exchange(oldest.output, {}));
}

void BlockCompressor::encode(Slot& slot, BlockEncoder& encoder) {
  std::shared_ptr<Block> output = outputs_.take();
  output->resize(output_bound_);
  const std::size_t size = encoder.encode(slot.input.data, *output);
  const Bytes encoded = Bytes(*output).first(size);
  slot.output = {encoded, std::move(output)};
}

void BlockCompressor::work(const std::stop_token& stop) {
  const std::unique_ptr<BlockEncoder> encoder = make_encoder_();
  std::unique_lock lock(mutex_);
  while (block_submitted_.wait(lock, stop, [this] { return taken_ < submitted_; })) {
    if (stop.stop_requested()) return;
    Slot& mine = slot(taken_++);
    lock.unlock();
    encode(mine, *encoder);
    lock.lock();
    mine.encoded = true;
    block_encoded_.notify_one();
  }
}

}  // namespace kiln::archive
