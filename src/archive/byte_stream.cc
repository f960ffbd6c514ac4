// SPDX-License-Identifier: Apache-2.0
#include "archive/byte_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/check.h"

namespace kiln::archive {
namespace {

constexpr std::size_t kCopyBufferSize = std::size_t{256} << 10;
constexpr std::size_t kReadStep = std::size_t{64} << 10;

}  // namespace

Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string_view as_text(Bytes data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

Result<std::size_t> read_up_to(ByteSource& source, MutableBytes into) {
  std::size_t have = 0;
  while (have < into.size()) {
    const std::size_t count = TRY(source.read(into.subspan(have)));
    if (count == 0) break;
    have += count;
  }
  return have;
}

Result<void> read_exactly(ByteSource& source, MutableBytes into) {
  const std::size_t have = TRY(read_up_to(source, into));
  if (have < into.size())
    return corrupt(fmt::format("stream ends after {} of {} bytes", have, into.size()));
  return {};
}

Result<std::string> read_all(ByteSource& source, std::size_t limit) {
  std::string text;
  while (true) {
    // One byte past the limit is asked for, to tell a stream that ends at it from a longer one.
    const std::size_t before = text.size();
    text.resize(before + std::min(kReadStep, limit - before) +
                (limit - before < kReadStep ? 1 : 0));
    const std::size_t count =
        TRY(source.read(std::as_writable_bytes(std::span(text)).subspan(before)));
    text.resize(before + count);
    if (count == 0) return text;
    if (text.size() > limit) return invalid_input(fmt::format("more than {} bytes", limit));
  }
}

Result<std::uint64_t> copy_all(ByteSource& source, ByteSink& sink) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kCopyBufferSize);
  std::uint64_t total = 0;
  while (true) {
    const std::size_t count = TRY(source.read({buffer.get(), kCopyBufferSize}));
    if (count == 0) return total;
    TRY(sink.write({buffer.get(), count}));
    total += count;
  }
}

Result<std::size_t> MemorySource::read(MutableBytes into) {
  CHECK(!into.empty());
  const std::size_t count = std::min(into.size(), rest_.size());
  if (count > 0) std::memcpy(into.data(), rest_.data(), count);
  rest_ = rest_.subspan(count);
  return count;
}

Result<void> StringSink::write(Bytes data) {
  text_ += as_text(data);
  return {};
}

}  // namespace kiln::archive
