// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "archive/byte_stream.h"
#include "snapshot/async_hash_sink.h"

namespace kiln::snapshot {

/// Gives on what a source gives and feeds it to a digest.
class HashingSource final : public archive::ByteSource {
 public:
  explicit HashingSource(archive::ByteSource& source) : source_(&source) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    const std::size_t n = TRY(source_->read(into));
    TRY(hash_.write(archive::Bytes(into).first(n)));
    return n;
  }
  Sha256Bytes finish() { return hash_.finish(); }
  std::uint64_t size() const { return hash_.size(); }

 private:
  archive::ByteSource* source_;
  AsyncHashSink hash_;
};

/// Reads away what is left of a source, so that all of it is in its digest.
inline Result<void> read_to_end(archive::ByteSource& source) {
  std::byte rest[4096];
  for (;;) {
    const std::size_t n = TRY(source.read(rest));
    if (n == 0) return {};
  }
}

}  // namespace kiln::snapshot
