// SPDX-License-Identifier: Apache-2.0
#include "exporter/archive_file.h"

#include <algorithm>

#include "archive/compression.h"
#include "archive/fd_stream.h"
#include "archive/tar_reader.h"
#include "os/file_io.h"
#include "snapshot/link_resolution.h"

namespace kiln::exporter {
namespace {

/// No image archive's names are longer than this, and it is the kernel's limit too.
constexpr std::size_t kMaxName = 4096;
/// What the names of an archive may take. An image has a few hundred blobs, of names of 80 bytes.
constexpr std::size_t kMaxNames = std::size_t{32} << 20;

/// A stretch of a file.
class RangeSource final : public archive::ByteSource {
 public:
  RangeSource(const os::Fd& fd, std::uint64_t offset, std::uint64_t size, std::string name,
              std::stop_token stop)
      : fd_(&fd), at_(offset), left_(size), name_(std::move(name)), stop_(std::move(stop)) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    if (stop_.stop_requested()) return cancelled();
    if (left_ == 0) return std::size_t{0};
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    const std::size_t n = TRY(os::read_at(*fd_, into.first(want), at_, name_));
    if (n == 0) return corrupt(name_ + " is truncated");
    at_ += n;
    left_ -= n;
    return n;
  }
  Result<std::uint64_t> skip(std::uint64_t count) override {
    const std::uint64_t passed = std::min(count, left_);
    at_ += passed;
    left_ -= passed;
    return passed;
  }

 private:
  const os::Fd* fd_;
  std::uint64_t at_, left_;
  std::string name_;
  std::stop_token stop_;
};

/// All of a compressed stream, as long as it is in proportion to what it is made from.
Result<void> unpack_in_proportion(archive::ByteSource& packed, archive::ByteSink& sink) {
  archive::CountingSource counted(packed);
  const auto plain = TRY(archive::decompress(counted));
  std::vector<std::byte> buffer(std::size_t{256} << 10);
  for (std::uint64_t total = 0;;) {
    const std::size_t count = TRY(plain->read(buffer));
    if (count == 0) return {};
    total += count;
    const std::uint64_t limit = archive::expansion_limit(counted.count());
    if (total > limit)
      return corrupt("it unpacks to too much: more than " + std::to_string(limit) + " bytes");
    TRY(sink.write(archive::Bytes(buffer).first(count)));
  }
}

Error leads_outside(const archive::TarEntry& entry) {
  return corrupt("the member " + entry.path + " leads outside of the archive");
}

/// Nobody asks for what leads outside, but an archive that has it is not what it seems.
Result<void> check_names(const archive::TarEntry& entry, const os::RelPath& path) {
  using archive::EntryType;
  if (snapshot::climbs_out(entry.path)) return leads_outside(entry);
  const std::string& target = entry.link_target;
  if (entry.type == EntryType::hardlink && snapshot::climbs_out(target))
    return leads_outside(entry);
  if (entry.type == EntryType::symlink &&
      (target.starts_with('/') || snapshot::climbs_out(path.parent().str() + "/" + target)))
    return leads_outside(entry);
  return {};
}

}  // namespace

Result<ArchiveFile> ArchiveFile::open(store::Store& store, const os::Fd& input,
                                      const std::string& name, std::stop_token stop) {
  ArchiveFile out;
  out.name_ = name;
  out.fd_ = TRY(seekable(store, input, name, stop));
  out.stop_ = std::move(stop);
  const os::FileInfo info = TRY(os::file_info(out.fd_, name));
  RangeSource source(out.fd_, 0, info.size, name, out.stop_);
  archive::TarReader tar(source);
  for (;;) {
    const auto entry = TRY(tar.next().context(name));
    if (!entry) break;
    TRY(out.note(*entry, tar.content_offset()).context(name));
  }
  return out;
}

Result<void> ArchiveFile::note(const archive::TarEntry& entry, std::uint64_t content_offset) {
  constexpr std::size_t kOverhead = 256;  // a node of a map, with two strings
  const os::RelPath path = os::RelPath::clean(entry.path);
  TRY(check_names(entry, path));
  if (entry.path.size() > kMaxName || entry.link_target.size() > kMaxName) return {};
  if (entry.type == archive::EntryType::file) {
    members_[path] = {content_offset, entry.size};
  } else if (entry.type == archive::EntryType::symlink) {
    // docker's old form says so that two images share a layer.
    links_[path] = os::RelPath::clean(path.parent().str() + "/" + entry.link_target);
  } else if (entry.type == archive::EntryType::hardlink) {
    links_[path] = os::RelPath::clean(entry.link_target);
  } else {
    return {};
  }
  // A link's target stands below its folder.
  kept_ += kOverhead + 2 * entry.path.size() + entry.link_target.size();
  if (kept_ > kMaxNames) return corrupt("it has more members than any image");
  return {};
}

Result<std::unique_ptr<archive::ByteSource>> ArchiveFile::open_member(
    const std::string& path) const {
  const auto member = find(path);
  if (!member) return corrupt(name_ + ": " + path + " is missing");
  return std::unique_ptr<archive::ByteSource>(
      std::make_unique<RangeSource>(fd_, member->offset, member->size, name_, stop_));
}

std::optional<std::uint64_t> ArchiveFile::size(const std::string& path) const {
  const auto member = find(path);
  return member ? std::optional(member->size) : std::nullopt;
}

Result<std::string> ArchiveFile::read(const std::string& path, std::size_t limit) const {
  const auto source = TRY(open_member(path));
  return archive::read_all(*source, limit).context(name_ + ": " + path);
}

std::optional<ArchiveFile::Member> ArchiveFile::find(const std::string& path) const {
  os::RelPath at = os::RelPath::clean(path);
  for (int links = 0; links < 8; ++links) {
    if (const auto member = members_.find(at); member != members_.end()) return member->second;
    const auto link = links_.find(at);
    if (link == links_.end()) return std::nullopt;
    at = link->second;
  }
  return std::nullopt;
}

/// A plain tar file to read at any offset: the input itself, or a copy under tmp/.
Result<os::Fd> ArchiveFile::seekable(store::Store& store, const os::Fd& input,
                                     const std::string& name, const std::stop_token& stop) {
  const os::FileInfo info = TRY(os::file_info(input, name));
  if (info.type == os::FileType::file) {
    std::byte head[8];
    const std::size_t n = TRY(os::read_at(input, head, 0, name));
    if (archive::detect_compression(archive::Bytes(head).first(n)) == archive::Compression::none)
      return input.duplicate();
  }
  archive::FdSource source(input, name, stop);
  const std::string path = store.workspace().new_path();
  os::Fd copy = TRY(os::create_file(path));
  os::remove_file(path);
  archive::FdSink sink(copy, name);
  TRY(unpack_in_proportion(source, sink).context(name));
  TRY(os::rewind_file(copy, name));
  return copy;
}

}  // namespace kiln::exporter
