// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>

#include "archive/decoders.h"
#include "base/check.h"

namespace kiln::archive {
namespace {

constexpr std::size_t kInputSize = std::size_t{128} << 10;
constexpr std::size_t kMaxOutput = std::size_t{1} << 30;

std::string_view reason(int status) {
  switch (status) {
    case ISAL_INVALID_WRAPPER:
      return "bad member header";
    case ISAL_UNSUPPORTED_METHOD:
      return "unknown compression method";
    case ISAL_INCORRECT_CHECKSUM:
      return "wrong checksum";
    default:
      return "bad compressed data";
  }
}

/// RFC 1952, every member's CRC and size checked.
class GzipDecoder final : public ByteSource {
 public:
  explicit GzipDecoder(ByteSource& source) : source_(&source) {
    isal_inflate_init(&state_);
    begin_member();
  }

  Result<std::size_t> read(MutableBytes into) override {
    CHECK(!into.empty());
    while (true) {
      if (in_header_) {
        TRY(read_header());
      } else if (state_.block_state == ISAL_BLOCK_FINISH) {
        const bool more = TRY(find_next_member());
        if (!more) return std::size_t{0};
        begin_member();
      } else {
        const std::size_t count = TRY(inflate(into.first(std::min(into.size(), kMaxOutput))));
        if (count > 0) return count;
      }
    }
  }

 private:
  void begin_member() {
    isal_inflate_reset(&state_);
    // isal_inflate() could read the header itself, but forgets its flags where its input ends in
    // it.
    state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
    isal_gzip_header_init(&header_);
    in_header_ = true;
  }

  Result<void> read_header() {
    if (state_.avail_in == 0) TRY(refill());
    const int status = isal_read_gzip_header(&state_, &header_);
    if (status == ISAL_END_INPUT) {
      if (at_end_) return corrupt("gzip stream: ends too early");
      return {};
    }
    in_header_ = false;
    return check(status);
  }

  /// Decompresses some input; 0 when it gave no output or was the member's last.
  Result<std::size_t> inflate(MutableBytes into) {
    if (state_.avail_in == 0) TRY(refill());
    const std::uint32_t before = state_.avail_in;
    state_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
    state_.avail_out = static_cast<std::uint32_t>(into.size());
    TRY(check(isal_inflate(&state_)));
    const std::size_t count = into.size() - state_.avail_out;
    const bool stuck = count == 0 && state_.block_state != ISAL_BLOCK_FINISH &&
                       (state_.avail_in > 0 ? state_.avail_in == before : at_end_);
    if (stuck) return corrupt("gzip stream: ends too early");
    return count;
  }

  static Result<void> check(int status) {
    if (status != ISAL_DECOMP_OK) return corrupt(fmt::format("gzip stream: {}", reason(status)));
    return {};
  }

  /// Puts new input in place of what was used up; none is left at the end.
  Result<void> refill() {
    if (at_end_) return {};
    const std::size_t count = TRY(source_->read({input_.get(), kInputSize}));
    at_end_ = count == 0;
    state_.next_in = reinterpret_cast<std::uint8_t*>(input_.get());
    state_.avail_in = static_cast<std::uint32_t>(count);
    return {};
  }

  /// Goes on to the next member, past zeros that some tools pad with; false at the end.
  Result<bool> find_next_member() {
    while (true) {
      while (state_.avail_in > 0 && *state_.next_in == 0) {
        ++state_.next_in;
        --state_.avail_in;
      }
      if (state_.avail_in > 0) break;
      TRY(refill());
      if (at_end_) return false;
    }
    if (*state_.next_in != 0x1f) return corrupt("gzip stream: something else follows its end");
    return true;
  }

  ByteSource* source_;
  std::unique_ptr<std::byte[]> input_ = std::make_unique_for_overwrite<std::byte[]>(kInputSize);
  bool at_end_ = false;
  bool in_header_ = false;
  isal_gzip_header header_{};
  inflate_state state_{};
};

}  // namespace

std::unique_ptr<ByteSource> decode_gzip(ByteSource& source) {
  return std::make_unique<GzipDecoder>(source);
}

}  // namespace kiln::archive
