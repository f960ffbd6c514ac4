// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "archive/tar_format.h"
#include "archive/tar_writer.h"
#include "base/check.h"
#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;
constexpr std::uint64_t kMaxSpecialSize = std::uint64_t{1} << 20;
/// Disk images have holes of gigabytes. They cost no disk, but are read and hashed as zeros.
constexpr std::uint64_t kMaxHoles = std::uint64_t{64} << 30;
constexpr auto kMaxSize = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool is_zero_block(const char* block) {
  return is_zero(std::as_bytes(std::span(block, kBlockSize)));
}

bool is_gnu(const char* block) {
  return std::string_view(block + kMagic.offset, kMagic.size) == kGnuMagicAndVersion;
}

bool is_posix(const char* block) {
  return std::string_view(block + kMagic.offset, kMagic.size).starts_with(kPosixMagic);
}

std::string header_name(const char* block) {
  const std::string_view name = field_text(block, kName);
  if (!is_posix(block)) return std::string(name);
  const bool is_star =
      std::string_view(block + kStarTrailer.offset, kStarTrailer.size) == kStarTrailerText;
  const std::string_view prefix = field_text(block, is_star ? kStarPrefix : kPrefix);
  return prefix.empty() ? std::string(name) : fmt::format("{}/{}", prefix, name);
}

EntryType entry_type(char flag, std::string_view name) {
  switch (flag) {
    case '\0':
      // Before ustar a trailing slash was all that told a directory.
      return name.ends_with('/') ? EntryType::directory : EntryType::file;
    case '1':
      return EntryType::hardlink;
    case '2':
      return EntryType::symlink;
    case '3':
      return EntryType::char_device;
    case '4':
      return EntryType::block_device;
    case '5':
    case 'D':
      return EntryType::directory;
    case '6':
      return EntryType::fifo;
    default:
      return EntryType::file;
  }
}

/// The value of `key`; an empty one stands for none and leaves the header's own.
const std::string* find_record(const PaxRecords& records, std::string_view key) {
  const auto it = records.find(key);
  return it == records.end() || it->second.empty() ? nullptr : &it->second;
}

/// A number of at most 32 bits, from its pax record or else its header field.
std::optional<std::uint32_t> number_of(const PaxRecords& pax, std::string_view key,
                                       const char* block, Field field) {
  std::optional<std::uint64_t> value;
  if (const std::string* record = find_record(pax, key)) {
    value = parse_uint(*record);
  } else if (const auto number = field_number(block, field); number && *number >= 0) {
    value = static_cast<std::uint64_t>(*number);
  }
  if (!value || *value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<PaxTime> mtime_of(const PaxRecords& pax, const char* block) {
  if (const std::string* record = find_record(pax, "mtime")) return parse_pax_time(*record);
  const auto seconds = field_number(block, kMtime);
  if (!seconds) return std::nullopt;
  return PaxTime{*seconds, 0};
}

std::string without_trailing_slashes(std::string path) {
  path.resize(path.find_last_not_of('/') + 1);
  return path;
}

}  // namespace

Error TarReader::unsound(std::string_view what) const {
  return corrupt(fmt::format("tar archive: header at byte {}: {}", header_offset_, what));
}

Result<std::optional<TarEntry>> TarReader::next() {
  if (ended_) return std::nullopt;
  TRY(skip_rest_of_entry());
  raw_.clear();
  Extensions extensions;
  while (true) {
    const bool at_header = TRY(read_header());
    if (!at_header) break;
    const bool is_extension = TRY(read_extension(extensions));
    if (is_extension) continue;
    TarEntry entry = TRY(read_entry(std::move(extensions)));
    if (canonical_) compare_header(entry);
    return entry;
  }
  if (extensions.any) return unsound("archive ends after an extended header");
  ended_ = true;
  return std::nullopt;
}

/// Fills header_ with the next header block; false at the archive's end.
Result<bool> TarReader::read_header() {
  header_offset_ = offset_;
  const bool any_block = TRY(read_block(header_));
  if (!any_block) {
    canonical_ = false;
    return false;
  }
  if (!is_zero_block(header_)) {
    if (!has_right_checksum(header_)) return unsound("bad checksum");
    if (canonical_) raw_.append(header_, kBlockSize);
    return true;
  }
  const bool second_block = TRY(read_block(header_));
  if (!second_block) {
    canonical_ = false;
    return false;
  }
  if (!is_zero_block(header_)) return unsound("one block of zeros where two end an archive");
  while (const std::size_t count = TRY(fill())) {
    canonical_ = false;
    consume(count);
  }
  return false;
}

void TarReader::compare_header(const TarEntry& entry) {
  canonical_header_.clear();
  append_tar_header(canonical_header_, entry);
  canonical_ = raw_ == canonical_header_;
}

/// Takes in header_ and what follows it if it says something about the entry to come; false if it
/// is the entry's own.
Result<bool> TarReader::read_extension(Extensions& extensions) {
  const char type = header_[kTypeFlag.offset];
  if (std::string_view("xXgLKVNM").find(type) == std::string_view::npos) return false;
  if (type == 'M') return unsupported("tar archive: goes on from another volume");
  // What TarWriter writes before an entry is one pax header.
  if (type != 'x') canonical_ = false;
  const auto size = field_number(header_, kSize);
  if (!size || *size < 0) return unsound("bad size");
  if (type == 'V' || type == 'N') {
    stored_left_ = static_cast<std::uint64_t>(*size);
    padding_left_ = tar_padding(stored_left_);
    TRY(skip_rest_of_entry());
    return true;
  }

  std::string body = TRY(read_special_content(static_cast<std::uint64_t>(*size)));
  if (type == 'g') {
    TRY(merge_globals(body));
    return true;
  }
  extensions.any = true;
  if (type == 'L' || type == 'K') {
    body.resize(std::min(body.find('\0'), body.size()));
    (type == 'L' ? extensions.long_name : extensions.long_link) = std::move(body);
    return true;
  }
  extensions.pax.clear();
  auto parsed = parse_pax_records(body, extensions.pax);
  if (!parsed.ok()) return unsound(parsed.error().message());
  return true;
}

Result<void> TarReader::merge_globals(std::string_view body) {
  auto parsed = parse_pax_records(body, globals_);
  if (!parsed.ok()) return unsound(parsed.error().message());
  std::uint64_t total = 0;
  for (const auto& [key, value] : globals_) total += key.size() + value.size();
  if (total > kMaxSpecialSize) return unsound("global headers of more than 1 MiB");
  return {};
}

Result<TarEntry> TarReader::read_entry(Extensions extensions) {
  PaxRecords& pax = extensions.pax;
  for (const auto& record : globals_) pax.insert(record);

  TarEntry entry;
  const std::string* path = find_record(pax, "path");
  entry.path = path != nullptr ? *path : header_name(header_);
  const std::string* link = find_record(pax, "linkpath");
  entry.link_target = link != nullptr ? *link : std::string(field_text(header_, kLinkName));
  if (extensions.long_name) entry.path = std::move(*extensions.long_name);
  if (extensions.long_link) entry.link_target = std::move(*extensions.long_link);

  const char flag = header_[kTypeFlag.offset];
  entry.type = entry_type(flag, entry.path);
  if (entry.type != EntryType::symlink && entry.type != EntryType::hardlink) {
    entry.link_target.clear();
  }
  const auto mode = field_number(header_, kMode);
  const auto uid = number_of(pax, "uid", header_, kUid);
  const auto gid = number_of(pax, "gid", header_, kGid);
  const auto mtime = mtime_of(pax, header_);
  if (!mode) return unsound("bad mode");
  if (!uid || !gid) return unsound("bad user or group number");
  if (!mtime) return unsound("bad modification time");
  entry.mode = static_cast<std::uint32_t>(*mode & 07777);
  entry.uid = *uid;
  entry.gid = *gid;
  entry.mtime = mtime->seconds;
  entry.mtime_nanoseconds = mtime->nanoseconds;
  if (entry.type == EntryType::char_device || entry.type == EntryType::block_device) {
    const auto major = number_of(pax, "SCHILY.devmajor", header_, kDeviceMajor);
    const auto minor = number_of(pax, "SCHILY.devminor", header_, kDeviceMinor);
    if (!major || !minor) return unsound("bad device number");
    entry.device_major = *major;
    entry.device_minor = *minor;
  }
  auto xattrs = pax_xattrs(pax);
  if (!xattrs.ok()) return unsound(xattrs.error().message());
  entry.xattrs = std::move(*xattrs);

  const std::uint64_t size = TRY(content_size(pax));
  const bool has_content = entry.type == EntryType::file || flag == 'D';
  stored_left_ = has_content ? size : 0;
  padding_left_ = tar_padding(stored_left_);
  entry.size = entry.type == EntryType::file ? size : 0;
  position_ = 0;
  next_run_ = 0;
  runs_.clear();
  if (entry.size > 0) runs_.push_back({0, entry.size});
  TRY(read_sparse_map(pax, entry));
  size_ = entry.size;
  entry.path = without_trailing_slashes(std::move(entry.path));
  return entry;
}

Result<std::uint64_t> TarReader::content_size(const PaxRecords& pax) const {
  if (const std::string* record = find_record(pax, "size")) {
    const auto size = parse_uint(*record);
    if (!size || *size > kMaxSize) return unsound("bad size");
    return *size;
  }
  const auto size = field_number(header_, kSize);
  if (!size || *size < 0) return unsound("bad size");
  return static_cast<std::uint64_t>(*size);
}

/// Finds out whether the entry is sparse and by which format, and then fills runs_ and sets its
/// size.
Result<void> TarReader::read_sparse_map(const PaxRecords& pax, TarEntry& entry) {
  const std::string* major = find_record(pax, "GNU.sparse.major");
  const std::string* minor = find_record(pax, "GNU.sparse.minor");
  const std::string* map = find_record(pax, "GNU.sparse.map");
  if (header_[kTypeFlag.offset] == 'S') {
    TRY(read_gnu_sparse_map(entry));
  } else if (major != nullptr || minor != nullptr || map != nullptr) {
    const std::string version =
        fmt::format("{}.{}", major != nullptr ? *major : "0", minor != nullptr ? *minor : "0");
    const std::string* size = find_record(pax, "GNU.sparse.size");
    if (size == nullptr) size = find_record(pax, "GNU.sparse.realsize");
    if (const std::string* name = find_record(pax, "GNU.sparse.name")) entry.path = *name;
    if (entry.type != EntryType::file) return unsound("sparse map of what isn't a file");
    if (size != nullptr) {
      const auto real_size = parse_uint(*size);
      if (!real_size || *real_size > kMaxSize) return unsound("bad size of a sparse file");
      entry.size = *real_size;
    }
    if (version == "1.0") {
      runs_ = TRY(read_sparse_map_of_content());
    } else if (version == "0.0" || version == "0.1") {
      auto runs = parse_sparse_map(map != nullptr ? std::string_view(*map) : std::string_view());
      if (!runs) return unsound("bad sparse map");
      runs_ = std::move(*runs);
    } else {
      return unsupported(fmt::format("tar archive: {}: sparse format {}", entry.path, version));
    }
  } else {
    return {};
  }
  if (!is_sound(runs_, entry.size)) return unsound("sparse map out of order or bounds");
  if (stored_size(runs_) != stored_left_) return unsound("sparse map that doesn't match the size");
  holes_ += entry.size - stored_left_;
  if (holes_ > kMaxHoles) return unsound("more than 64 GiB of holes");
  return {};
}

Result<void> TarReader::read_gnu_sparse_map(TarEntry& entry) {
  const auto real_size = field_number(header_, kGnuRealSize);
  if (!is_gnu(header_) || !real_size || *real_size < 0) return unsound("bad size of a sparse file");
  entry.size = static_cast<std::uint64_t>(*real_size);
  runs_.clear();
  bool sound = append_gnu_runs(header_, kGnuSparse, runs_);
  bool more = header_[kGnuSparse.offset + kGnuSparse.size] != '\0';
  while (sound && more) {
    char block[kBlockSize];
    const bool any_block = TRY(read_block(block));
    if (!any_block) return unsound("archive ends inside a sparse map");
    sound = append_gnu_runs(block, kGnuMoreSparse, runs_);
    more = block[kGnuMoreSparse.size] != '\0';
  }
  if (!sound) return unsound("bad sparse map");
  return {};
}

Result<std::vector<SparseRun>> TarReader::read_sparse_map_of_content() {
  SparseMapParser parser;
  auto state = SparseMapParser::State::unfinished;
  while (state == SparseMapParser::State::unfinished) {
    char block[kBlockSize];
    if (stored_left_ < kBlockSize) return unsound("content ends inside a sparse map");
    const bool any_block = TRY(read_block(block));
    if (!any_block) return unsound("archive ends inside a sparse map");
    stored_left_ -= kBlockSize;
    state = parser.feed({block, kBlockSize});
  }
  if (state == SparseMapParser::State::bad) return unsound("bad sparse map");
  return parser.take();
}

Result<std::size_t> TarReader::read(MutableBytes into) {
  CHECK(!into.empty());
  if (position_ == size_) return std::size_t{0};
  if (const std::uint64_t left = hole(); left > 0) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left));
    std::memset(into.data(), 0, count);
    position_ += count;
    return count;
  }
  const SparseRun& run = runs_[next_run_];
  const auto wanted = static_cast<std::size_t>(
      std::min<std::uint64_t>(into.size(), run.offset + run.length - position_));
  const std::size_t count = TRY(read_raw(into.first(wanted)));
  if (count == 0) return unsound(fmt::format("archive ends {} bytes too early", stored_left_));
  stored_left_ -= count;
  position_ += count;
  return count;
}

std::uint64_t TarReader::skip_hole() {
  const std::uint64_t passed = hole();
  position_ += passed;
  return passed;
}

/// What is left of the hole at position_; 0 if there is none.
std::uint64_t TarReader::hole() {
  if (position_ == size_) return 0;
  while (next_run_ < runs_.size() &&
         runs_[next_run_].offset + runs_[next_run_].length <= position_) {
    ++next_run_;
  }
  const std::uint64_t end = next_run_ == runs_.size() ? size_ : runs_[next_run_].offset;
  return end > position_ ? end - position_ : 0;
}

/// The content of an extended header or long name, with its padding.
Result<std::string> TarReader::read_special_content(std::uint64_t size) {
  if (size > kMaxSpecialSize) return unsound("extended header of more than 1 MiB");
  std::string content(static_cast<std::size_t>(size), '\0');
  auto rest = std::as_writable_bytes(std::span(content));
  while (!rest.empty()) {
    const std::size_t count = TRY(read_raw(rest));
    if (count == 0) return unsound("archive ends inside an extended header");
    rest = rest.subspan(count);
  }
  padding_left_ = tar_padding(size);
  if (canonical_) raw_.append(content).append(padding_left_, '\0');
  TRY(skip_rest_of_entry());
  return content;
}

Result<void> TarReader::skip_rest_of_entry() {
  const std::uint64_t buffered = buffer_end_ - buffer_begin_;
  if (stored_left_ >= buffered + kBufferSize) {
    consume(static_cast<std::size_t>(buffered));
    const std::uint64_t passed = TRY(source_->skip(stored_left_ - buffered));
    offset_ += passed;
    stored_left_ -= buffered + passed;
  }
  while (stored_left_ > 0) {
    const std::size_t count = TRY(fill());
    if (count == 0) return unsound(fmt::format("archive ends {} bytes too early", stored_left_));
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(count, stored_left_));
    consume(skipped);
    stored_left_ -= skipped;
  }
  // Padding that is missing at the archive's end is forgiven, as Go's reader does.
  while (padding_left_ > 0) {
    const std::size_t count = TRY(fill());
    if (count == 0) {
      canonical_ = false;
      break;
    }
    const std::size_t skipped = std::min(count, padding_left_);
    if (canonical_ && !is_zero(Bytes(buffer_.get() + buffer_begin_, skipped))) canonical_ = false;
    consume(skipped);
    padding_left_ -= skipped;
  }
  padding_left_ = 0;
  position_ = size_ = 0;
  return {};
}

/// Reads one whole block; false at the end of the stream.
Result<bool> TarReader::read_block(char* block) {
  MutableBytes rest = std::as_writable_bytes(std::span(block, kBlockSize));
  while (!rest.empty()) {
    const std::size_t count = TRY(read_raw(rest));
    if (count == 0 && rest.size() == kBlockSize) return false;
    if (count == 0) {
      return corrupt(fmt::format("tar archive: ends at byte {}, inside a header", offset_));
    }
    rest = rest.subspan(count);
  }
  return true;
}

/// Sees to it that the buffer holds something, and returns how much; 0 at the end of the stream.
Result<std::size_t> TarReader::fill() {
  if (buffer_begin_ == buffer_end_) {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
    buffer_begin_ = 0;
    buffer_end_ = 0;
    buffer_end_ = TRY(source_->read({buffer_.get(), kBufferSize}));
  }
  return buffer_end_ - buffer_begin_;
}

void TarReader::consume(std::size_t count) {
  buffer_begin_ += count;
  offset_ += count;
}

Result<std::size_t> TarReader::read_raw(MutableBytes into) {
  if (buffer_begin_ == buffer_end_ && into.size() >= kBufferSize) {
    const std::size_t count = TRY(source_->read(into));
    offset_ += count;
    return count;
  }
  const std::size_t available = TRY(fill());
  const std::size_t count = std::min(available, into.size());
  if (count > 0) std::memcpy(into.data(), buffer_.get() + buffer_begin_, count);
  consume(count);
  return count;
}

}  // namespace kiln::archive
