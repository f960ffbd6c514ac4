// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/byte_stream.h"
#include "archive/tar_format.h"
#include "archive/tar_reader.h"
#include "archive/tar_writer.h"
#include "base/check.h"

namespace kiln::archive::test {

/// Gives memory in pieces of at most `piece` bytes.
class PiecewiseSource final : public ByteSource {
 public:
  PiecewiseSource(std::string_view text, std::size_t piece)
      : rest_(as_bytes(text)), piece_(piece) {}
  Result<std::size_t> read(MutableBytes into) override {
    return rest_.read(into.first(std::min(into.size(), piece_)));
  }

 private:
  MemorySource rest_;
  std::size_t piece_;
};

/// Fails, with kind system, once `limit` bytes have gone by.
class FailingSource final : public ByteSource {
 public:
  FailingSource(std::string_view text, std::size_t limit)
      : rest_(as_bytes(text.substr(0, limit))) {}
  Result<std::size_t> read(MutableBytes into) override {
    const std::size_t count = TRY(rest_.read(into));
    if (count == 0) return Error(ErrorKind::system, "source broke");
    return count;
  }

 private:
  MemorySource rest_;
};

class FailingSink final : public ByteSink {
 public:
  explicit FailingSink(std::size_t limit) : room_(limit) {}
  Result<void> write(Bytes data) override {
    if (data.size() > room_) return Error(ErrorKind::no_space, "sink is full");
    room_ -= data.size();
    return {};
  }

 private:
  std::size_t room_;
};

struct Member {
  TarEntry entry;
  std::string content;
  bool operator==(const Member&) const = default;
};

/// Every entry with its content, of at most 64 MiB each.
inline Result<std::vector<Member>> read_members(ByteSource& source) {
  TarReader reader(source);
  std::vector<Member> members;
  std::vector<std::byte> buffer(100'000);
  while (true) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry) return members;
    Member member{std::move(*entry), {}};
    while (const std::size_t count = TRY(reader.read(buffer))) {
      member.content += as_text(Bytes(buffer).first(count));
      CHECK(member.content.size() <= (std::size_t{64} << 20));
    }
    members.push_back(std::move(member));
  }
}

inline Result<std::vector<Member>> read_members(std::string_view archive) {
  MemorySource source(as_bytes(archive));
  return read_members(source);
}

/// A header block by hand: what no writer of ours would make.
class RawHeader {
 public:
  explicit RawHeader(std::string_view name, char type = '0', std::uint64_t size = 0) {
    set(kName, name);
    set(kMode, "0000644");
    set(kUid, "0000000");
    set(kGid, "0000000");
    set(kSize, fmt::format("{:011o}", size));
    set(kMtime, "00000000000");
    set(kTypeFlag, std::string_view(&type, 1));
    set(kMagic, kPosixMagicAndVersion);
  }
  RawHeader& set(Field field, std::string_view text) {
    CHECK(text.size() <= field.size);
    block_.replace(field.offset, field.size, field.size, '\0');
    block_.replace(field.offset, text.size(), text);
    return *this;
  }
  /// The block with its checksum.
  std::string text() const {
    std::string block = block_;
    block.replace(
        kChecksum.offset, kChecksum.size,
        fmt::format("{:06o}", header_checksum(block_.data()).as_unsigned) + std::string("\0 ", 2));
    return block;
  }

 private:
  std::string block_ = std::string(kBlockSize, '\0');
};

/// `content` with its padding.
inline std::string padded(std::string_view content) {
  return std::string(content) + std::string(tar_padding(content.size()), '\0');
}

inline std::string special(char type, std::string_view content) {
  return RawHeader("special", type, content.size()).text() + padded(content);
}

inline std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length) ++length;
  return fmt::format("{} {}={}\n", length, key, value);
}

inline std::string trailer() { return std::string(tar_trailer()); }

}  // namespace kiln::archive::test
