// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_writer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "archive/tar_format.h"
#include "base/check.h"

namespace kiln::archive {
namespace {

using Record = std::pair<std::string, std::string>;

char type_flag(EntryType type) {
  switch (type) {
    case EntryType::file:
      return '0';
    case EntryType::hardlink:
      return '1';
    case EntryType::symlink:
      return '2';
    case EntryType::char_device:
      return '3';
    case EntryType::block_device:
      return '4';
    case EntryType::directory:
      return '5';
    case EntryType::fifo:
      return '6';
  }
  std::unreachable();
}

/// What one ustar header block says; a number that doesn't fit its field is written as zero.
struct UstarHeader {
  std::string_view name = {};
  std::string_view name_suffix = {};
  std::string_view link_name = {};
  char type = '0';
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::uint64_t mtime = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
};

void put_text(char* block, Field field, std::string_view text, std::string_view suffix = {}) {
  text = text.substr(0, field.size);
  suffix = suffix.substr(0, field.size - text.size());
  std::ranges::copy(suffix, std::ranges::copy(text, block + field.offset).out);
}

/// All but the last byte of the field become octal digits; the last stays NUL.
void put_octal(char* block, Field field, std::uint64_t value, std::uint64_t max) {
  if (value > max) value = 0;
  for (std::size_t i = field.size - 1; i > 0; --i) {
    block[field.offset + i - 1] = static_cast<char>('0' + (value & 7));
    value >>= 3;
  }
}

void append_block(std::string& out, const UstarHeader& header) {
  std::array<char, kBlockSize> storage{};
  char* block = storage.data();
  put_text(block, kName, header.name, header.name_suffix);
  put_octal(block, kMode, header.mode, kMaxOctal7);
  put_octal(block, kUid, header.uid, kMaxOctal7);
  put_octal(block, kGid, header.gid, kMaxOctal7);
  put_octal(block, kSize, header.size, kMaxOctal11);
  put_octal(block, kMtime, header.mtime, kMaxOctal11);
  block[kTypeFlag.offset] = header.type;
  put_text(block, kLinkName, header.link_name);
  put_text(block, kMagic, kPosixMagicAndVersion);
  put_octal(block, kDeviceMajor, header.device_major, kMaxOctal7);
  put_octal(block, kDeviceMinor, header.device_minor, kMaxOctal7);

  // Six digits, NUL, space: the form that POSIX's forerunners wrote and every reader takes.
  std::uint32_t sum = header_checksum(block).as_unsigned;
  for (std::size_t i = 6; i > 0; --i, sum >>= 3) {
    block[kChecksum.offset + i - 1] = static_cast<char>('0' + (sum & 7));
  }
  block[kChecksum.offset + 7] = ' ';
  out.append(block, kBlockSize);
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits.
void append_record(std::string& out, const Record& record) {
  const std::size_t rest = record.first.size() + record.second.size() + 3;
  std::size_t length = rest + std::to_string(rest).size();
  length = rest + std::to_string(length).size();
  out.append(std::to_string(length)).append(1, ' ').append(record.first);
  out.append(1, '=').append(record.second).append(1, '\n');
}

/// GNU tar's rule for xattr names in keywords: an attribute's name may hold what ends a keyword.
std::string escape_keyword(std::string_view name) {
  std::string escaped;
  escaped.reserve(name.size());
  for (const char c : name) {
    if (c == '%') {
      escaped += "%25";
    } else if (c == '=') {
      escaped += "%3D";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

bool is_device(EntryType type) {
  return type == EntryType::char_device || type == EntryType::block_device;
}

std::size_t name_size(const TarEntry& entry) {
  return entry.path.size() + (entry.type == EntryType::directory ? 1 : 0);
}

bool fits_ustar(const TarEntry& entry) {
  return name_size(entry) <= kName.size && entry.link_target.size() <= kLinkName.size &&
         entry.uid <= kMaxOctal7 && entry.gid <= kMaxOctal7 && entry.size <= kMaxOctal11 &&
         entry.mtime >= 0 && static_cast<std::uint64_t>(entry.mtime) <= kMaxOctal11 &&
         (!is_device(entry.type) ||
          (entry.device_major <= kMaxOctal7 && entry.device_minor <= kMaxOctal7)) &&
         entry.xattrs.empty();
}

std::vector<Record> pax_records(const TarEntry& entry) {
  std::vector<Record> records;
  for (const auto& [name, value] : entry.xattrs) {
    CHECK(!name.empty() && name.find('\0') == std::string::npos);
    records.emplace_back(std::string(kSchilyXattr) + escape_keyword(name), value);
  }
  const auto add_number = [&](const char* key, std::uint64_t value, std::uint64_t max) {
    if (value > max) records.emplace_back(key, std::to_string(value));
  };
  if (is_device(entry.type)) {
    add_number("SCHILY.devmajor", entry.device_major, kMaxOctal7);
    add_number("SCHILY.devminor", entry.device_minor, kMaxOctal7);
  }
  add_number("gid", entry.gid, kMaxOctal7);
  add_number("size", entry.size, kMaxOctal11);
  add_number("uid", entry.uid, kMaxOctal7);
  if (entry.mtime < 0 || static_cast<std::uint64_t>(entry.mtime) > kMaxOctal11) {
    records.emplace_back("mtime", std::to_string(entry.mtime));
  }
  if (name_size(entry) > kName.size) {
    records.emplace_back("path", entry.path + (entry.type == EntryType::directory ? "/" : ""));
  }
  if (entry.link_target.size() > kLinkName.size) {
    records.emplace_back("linkpath", entry.link_target);
  }
  std::ranges::sort(records);
  return records;
}

void append_pax_header(std::string& out, const TarEntry& entry) {
  std::string body;
  for (const Record& record : pax_records(entry)) append_record(body, record);

  std::string_view base_name = entry.path;
  base_name.remove_prefix(base_name.rfind('/') + 1);
  append_block(out, {.name = "PaxHeaders.0/",
                     .name_suffix = base_name,
                     .type = 'x',
                     .mode = 0644,
                     .size = body.size()});
  out += body;
  out.append(tar_padding(body.size()), '\0');
}

}  // namespace

void append_tar_header(std::string& out, const TarEntry& entry) {
  CHECK(entry.path.find('\0') == std::string::npos);
  CHECK(entry.link_target.find('\0') == std::string::npos);
  CHECK(entry.size == 0 || entry.type == EntryType::file);
  if (!fits_ustar(entry)) append_pax_header(out, entry);
  append_block(out, {.name = entry.path,
                     .name_suffix = entry.type == EntryType::directory ? "/" : "",
                     .link_name = entry.link_target,
                     .type = type_flag(entry.type),
                     .mode = entry.mode & 07777,
                     .uid = entry.uid,
                     .gid = entry.gid,
                     .size = entry.size,
                     .mtime = entry.mtime < 0 ? 0 : static_cast<std::uint64_t>(entry.mtime),
                     .device_major = is_device(entry.type) ? entry.device_major : 0,
                     .device_minor = is_device(entry.type) ? entry.device_minor : 0});
}

std::string tar_header(const TarEntry& entry) {
  std::string header;
  append_tar_header(header, entry);
  return header;
}

std::size_t tar_padding(std::uint64_t size) {
  return static_cast<std::size_t>((kBlockSize - size % kBlockSize) % kBlockSize);
}

std::string_view tar_trailer() {
  static constexpr std::array<char, 2 * kBlockSize> kZeros{};
  return {kZeros.data(), kZeros.size()};
}

Result<void> TarWriter::begin(const TarEntry& entry) {
  CHECK(missing_ == 0);
  header_.clear();
  append_tar_header(header_, entry);
  TRY(sink_->write(as_bytes(header_)));
  missing_ = entry.size;
  padding_ = tar_padding(entry.size);
  return {};
}

Result<void> TarWriter::write_content(Bytes data) {
  CHECK(data.size() <= missing_);
  if (data.empty()) return {};
  TRY(sink_->write(data));
  return content_passed(data.size());
}

Result<void> TarWriter::content_passed(std::uint64_t size) {
  CHECK(size <= missing_);
  missing_ -= size;
  if (missing_ > 0 || padding_ == 0) return {};
  return sink_->write(as_bytes(tar_trailer().substr(0, padding_)));
}

Result<void> TarWriter::finish() {
  CHECK(missing_ == 0);
  return sink_->write(as_bytes(tar_trailer()));
}

Result<void> TarWriter::add(const TarEntry& entry, std::string_view content) {
  CHECK(content.size() == entry.size);
  TRY(begin(entry));
  return write_content(as_bytes(content));
}

}  // namespace kiln::archive
