// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zstd.h>

#include "archive/decoders.h"
#include "base/check.h"

namespace kiln::archive {
namespace {

struct FreeDecoder {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

/// RFC 8878. Frames that want a window over libzstd's limit of 128 MiB are refused.
class ZstdDecoder final : public ByteSource {
 public:
  explicit ZstdDecoder(ByteSource& source) : source_(&source) { CHECK(context_ != nullptr); }

  Result<std::size_t> read(MutableBytes into) override {
    CHECK(!into.empty());
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    while (true) {
      if (input_.pos == input_.size && !at_end_) {
        const std::size_t count = TRY(source_->read({buffer_.get(), kBufferSize}));
        at_end_ = count == 0;
        input_ = {buffer_.get(), count, 0};
      }
      if (at_end_ && frame_ended_) return std::size_t{0};
      const std::size_t status = ZSTD_decompressStream(context_.get(), &output, &input_);
      if (ZSTD_isError(status) != 0) {
        return corrupt(fmt::format("zstd stream: {}", ZSTD_getErrorName(status)));
      }
      frame_ended_ = status == 0;
      if (output.pos > 0) return output.pos;
      if (at_end_ && !frame_ended_) return corrupt("zstd stream: ends too early");
    }
  }

 private:
  static constexpr std::size_t kBufferSize = std::size_t{128} << 10;

  ByteSource* source_;
  std::unique_ptr<ZSTD_DCtx, FreeDecoder> context_{ZSTD_createDCtx()};
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool at_end_ = false;
  bool frame_ended_ = true;
};

}  // namespace

std::unique_ptr<ByteSource> decode_zstd(ByteSource& source) {
  return std::make_unique<ZstdDecoder>(source);
}

}  // namespace kiln::archive
