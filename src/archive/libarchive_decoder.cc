// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <cerrno>
#include <optional>

#include "archive/decoders.h"
#include "base/check.h"

namespace kiln::archive {
namespace {

struct FreeReader {
  void operator()(struct ::archive* reader) const { archive_read_free(reader); }
};

class LibarchiveDecoder final : public ByteSource {
 public:
  LibarchiveDecoder(ByteSource& source, Compression compression)
      : source_(&source), name_(compression == Compression::xz ? "xz" : "bzip2") {
    CHECK(reader_ != nullptr);
  }

  Result<void> open() {
    auto* const reader = reader_.get();
    // The filter is named, not guessed: what isn't such a stream must fail and not pass unchanged.
    const int filter = name_ == "xz" ? ARCHIVE_FILTER_XZ : ARCHIVE_FILTER_BZIP2;
    if (archive_read_append_filter(reader, filter) != ARCHIVE_OK ||
        archive_read_support_format_raw(reader) != ARCHIVE_OK ||
        archive_read_support_format_empty(reader) != ARCHIVE_OK) {
      return unsupported(fmt::format("{} stream: {}", name_, archive_error_string(reader)));
    }
    const int status =
        archive_read_open(reader, this, nullptr, &LibarchiveDecoder::read_source, nullptr);
    if (status != ARCHIVE_OK || archive_error_string(reader) != nullptr) return failure();
    struct ::archive_entry* entry = nullptr;
    const int header = archive_read_next_header(reader, &entry);
    // The format for empty streams takes a failed filter for the end: only the error text tells.
    if (archive_error_string(reader) != nullptr) return failure();
    if (header != ARCHIVE_OK && header != ARCHIVE_EOF) return failure();
    at_end_ = header == ARCHIVE_EOF;
    if (at_end_) return check_end();
    return {};
  }

  Result<std::size_t> read(MutableBytes into) override {
    CHECK(!into.empty());
    if (at_end_) return std::size_t{0};
    const la_ssize_t count = archive_read_data(reader_.get(), into.data(), into.size());
    if (count < 0) return failure();
    if (count == 0) TRY(check_end());
    return static_cast<std::size_t>(count);
  }

 private:
  static la_ssize_t read_source(struct ::archive* reader, void* self, const void** data) {
    auto& decoder = *static_cast<LibarchiveDecoder*>(self);
    auto count = decoder.source_->read({decoder.buffer_.get(), kBufferSize});
    if (!count.ok()) {
      archive_set_error(reader, EIO, "%s", "source failed");
      decoder.source_error_ = std::move(count).error();
      return ARCHIVE_FATAL;
    }
    decoder.given_ += *count;
    *data = decoder.buffer_.get();
    return static_cast<la_ssize_t>(*count);
  }

  /// libarchive takes what isn't another bzip2 stream for the end, were it the first one's header.
  Result<void> check_end() {
    at_end_ = true;
    const auto used = static_cast<std::uint64_t>(archive_filter_bytes(reader_.get(), -1));
    if (used == 0) return corrupt(fmt::format("{} stream: bad header", name_));
    const std::size_t more = TRY(source_->read({buffer_.get(), kBufferSize}));
    if (used < given_ || more > 0) {
      return corrupt(fmt::format("{} stream: something else follows its end", name_));
    }
    return {};
  }

  Error failure() {
    if (source_error_) return *source_error_;
    const char* text = archive_error_string(reader_.get());
    return corrupt(fmt::format("{} stream: {}", name_, text != nullptr ? text : "bad data"));
  }

  static constexpr std::size_t kBufferSize = std::size_t{128} << 10;

  ByteSource* source_;
  std::string_view name_;
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
  std::uint64_t given_ = 0;  ///< bytes that libarchive got
  std::optional<Error> source_error_;
  bool at_end_ = false;
  std::unique_ptr<struct ::archive, FreeReader> reader_{archive_read_new()};
};

}  // namespace

Result<std::unique_ptr<ByteSource>> decode_by_libarchive(ByteSource& source,
                                                         Compression compression) {
  auto decoder = std::make_unique<LibarchiveDecoder>(source, compression);
  TRY(decoder->open());
  return decoder;
}

}  // namespace kiln::archive
