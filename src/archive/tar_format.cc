// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_format.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr std::string_view kBlanks(" \0", 2);

std::optional<std::int64_t> base_256(std::string_view field) {
  // Two's complement, most significant byte first; the first byte's top bit is only the mark.
  const std::uint8_t invert = (static_cast<std::uint8_t>(field[0]) & 0x40) != 0 ? 0xff : 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    auto byte = static_cast<std::uint8_t>(static_cast<std::uint8_t>(field[i]) ^ invert);
    if (i == 0) byte &= 0x7f;
    if (value >> 55 != 0) return std::nullopt;
    value = value << 8 | byte;
  }
  const auto number = static_cast<std::int64_t>(value);
  return invert != 0 ? ~number : number;
}

}  // namespace

std::string_view field_text(const char* block, Field field) {
  const std::string_view text(block + field.offset, field.size);
  return text.substr(0, text.find('\0'));
}

std::optional<std::int64_t> field_number(const char* block, Field field) {
  std::string_view text(block + field.offset, field.size);
  if ((static_cast<std::uint8_t>(text[0]) & 0x80) != 0) return base_256(text);
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  text = text.substr(0, text.find('\0'));
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  if (text.empty()) return 0;
  const auto value = parse_uint(text, 8);
  if (!value) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

HeaderChecksum header_checksum(const char* block) {
  std::uint32_t as_unsigned = 0;
  std::uint32_t high_bits = 0;
  for (std::size_t i = 0; i < kBlockSize; ++i) {
    const auto byte = static_cast<std::uint8_t>(block[i]);
    as_unsigned += byte;
    high_bits += byte >> 7;
  }
  for (std::size_t i = 0; i < kChecksum.size; ++i) {
    const auto byte = static_cast<std::uint8_t>(block[kChecksum.offset + i]);
    as_unsigned += std::uint32_t{' '} - byte;
    high_bits -= byte >> 7;
  }
  return {as_unsigned, static_cast<std::int32_t>(as_unsigned - 256 * high_bits)};
}

bool has_right_checksum(const char* block) {
  const auto stored = field_number(block, kChecksum);
  const HeaderChecksum sum = header_checksum(block);
  return stored && (*stored == sum.as_unsigned || *stored == sum.as_signed);
}

}  // namespace kiln::archive
