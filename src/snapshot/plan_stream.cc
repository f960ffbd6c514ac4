// SPDX-License-Identifier: Apache-2.0
#include "snapshot/plan_stream.h"

#include <algorithm>
#include <unordered_map>

#include "base/packed.h"

namespace kiln::snapshot {
namespace {

/// Times that every file system can hold (ext4's range), so that what is read back is what was
/// written.
constexpr std::int64_t kEarliest = -(std::int64_t{1} << 31);
constexpr std::int64_t kLatest = std::int64_t{15032385535};

class Visitor {
 public:
  explicit Visitor(const std::function<bool(const StreamEntry&)>& visit) : visit_(&visit) {}

  bool below(const PlannedEntry& directory, std::string& path) {
    const std::size_t length = path.size();
    for (const auto& [name, child] : directory.children) {
      if (length > 0) path += '/';
      path += name;
      const bool goes_on = entry(child, path);
      path.resize(length);
      if (!goes_on) return false;
    }
    return true;
  }
  bool call(StreamEntry::Kind kind, const PlannedInode& inode, const std::string& path,
            const std::string* first_name = nullptr) const {
    return (*visit_)({kind, inode, path, first_name});
  }

 private:
  bool entry(const PlannedEntry& entry, std::string& path) {
    const PlannedInode& inode = *entry.inode;
    if (entry.whiteout) return call(StreamEntry::Kind::whiteout, inode, path);
    if (inode.type == archive::EntryType::directory) {
      return (*visit_)({StreamEntry::Kind::inode, inode, path, nullptr, entry.merged}) &&
             (!entry.opaque || call(StreamEntry::Kind::opaque_mark, inode, path)) &&
             below(entry, path);
    }
    if (entry.inode.use_count() > 1) {
      const auto [first, added] = names_.try_emplace(&inode, path);
      if (!added) return call(StreamEntry::Kind::hard_link, inode, path, &first->second);
    }
    return call(StreamEntry::Kind::inode, inode, path);
  }

  const std::function<bool(const StreamEntry&)>* visit_;
  std::unordered_map<const PlannedInode*, std::string> names_;  // of hard-linked files
};

}  // namespace

archive::TarEntry planned_entry(const PlannedInode& inode, const Metadata& metadata,
                                std::string path) {
  archive::TarEntry entry;
  entry.type = inode.type;
  entry.path = std::move(path);
  entry.mode = inode.type == archive::EntryType::symlink ? 0777 : metadata.mode;
  entry.uid = metadata.uid;
  entry.gid = metadata.gid;
  entry.mtime = metadata.mtime;
  entry.xattrs = image_xattrs(metadata.xattrs);
  entry.link_target = inode.link_target;
  entry.device_major = inode.device_major;
  entry.device_minor = inode.device_minor;
  return entry;
}

std::string opaque_mark_path(const std::string& directory) {
  return directory + "/" + std::string(kOpaqueName);
}

std::string whiteout_path(const std::string& path) {
  const std::size_t name = path.rfind('/') + 1;  // 0 at the top
  return path.substr(0, name) + std::string(kWhiteoutPrefix) + path.substr(name);
}

bool names_root(const Metadata& root) {
  return root.mode != 0755 || root.uid != 0 || root.gid != 0 || !root.xattrs.empty();
}

void visit_stream(const PlannedEntry& root, const std::function<bool(const StreamEntry&)>& visit) {
  Visitor visitor(visit);
  std::string path;
  if (names_root(root.inode->metadata) && !visitor.call(StreamEntry::Kind::root, *root.inode, path))
    return;
  visitor.below(root, path);
}

TimePoint clamped_mtime(const Metadata& metadata, const std::optional<MtimeLimit>& mtimes) {
  const std::int64_t mtime = std::clamp(metadata.mtime, kEarliest, kLatest);
  if (mtimes && mtimes->applies_to(mtime, metadata.mtime_nanoseconds)) return {mtimes->latest, 0};
  return {mtime, metadata.mtime_nanoseconds};
}

Metadata clamped(Metadata metadata, const std::optional<MtimeLimit>& mtimes) {
  const TimePoint mtime = clamped_mtime(metadata, mtimes);
  metadata.mtime = mtime.seconds;
  metadata.mtime_nanoseconds = mtime.nanoseconds;
  return metadata;
}

PlanDigest::PlanDigest(std::optional<MtimeLimit> mtimes, Times times)
    : mtimes_(mtimes), times_(times) {
  if (times_ == Times::of_layers_below) hash_.update("times of layers below\n");
}

bool PlanDigest::add(const StreamEntry& entry) {
  using Kind = StreamEntry::Kind;
  const PlannedInode& inode = entry.inode;
  text_.clear();
  append_packed(text_, entry.kind);
  append_packed_text(text_, entry.path);
  if (entry.kind != Kind::opaque_mark && entry.kind != Kind::whiteout) {
    const Metadata& metadata = inode.metadata;
    const bool has_time = entry.kind != Kind::root && (times_ == Times::all || entry.is_merged);
    const std::int64_t mtime = has_time ? clamped_mtime(metadata, mtimes_).seconds : 0;
    append_packed(text_, inode.type, metadata.mode, metadata.uid, metadata.gid, mtime,
                  inode.device_major, inode.device_minor);
    append_packed_text(text_,
                       entry.kind == Kind::hard_link ? *entry.first_name : inode.link_target);
    if (!metadata.xattrs.empty()) {
      for (const auto& [name, value] : image_xattrs(metadata.xattrs)) {
        append_packed_text(text_, name);
        append_packed_text(text_, value);
      }
    }
    if (entry.kind == Kind::inode && inode.type == archive::EntryType::file) {
      if (!inode.content.known) return false;
      append_packed(text_, inode.content.known->size, inode.content.known->digest);
    }
  }
  append_packed(text_, static_cast<std::uint64_t>(text_.size()));
  hash_.update(text_);
  return true;
}

Sha256Bytes PlanDigest::value() const { return Sha256(hash_).finish(); }

std::optional<Sha256Bytes> digest_plan(const PlannedEntry& root,
                                       const std::optional<MtimeLimit>& mtimes) {
  using Times = PlanDigest::Times;
  PlanDigest digest(mtimes, mtimes ? Times::all : Times::of_layers_below);
  bool known = true;
  visit_stream(root, [&](const StreamEntry& entry) { return known = digest.add(entry); });
  return known ? std::optional(digest.value()) : std::nullopt;
}

std::optional<StreamMark> common_beginning(const PlannedEntry& root,
                                           const std::optional<MtimeLimit>& mtimes,
                                           const LayerContents& earlier) {
  PlanDigest digest(mtimes);
  std::optional<StreamMark> last;
  std::uint64_t entries = 0;
  auto mark = earlier.marks.begin();
  const auto compare = [&] {
    if (mark == earlier.marks.end() || mark->entries != entries) return true;
    if (mark->plan != digest.value()) return false;
    last = *mark++;
    return mark != earlier.marks.end();
  };
  bool same = true;
  visit_stream(root, [&](const StreamEntry& entry) {
    same = compare() && digest.add(entry);
    ++entries;
    return same;
  });
  if (same) compare();
  return last;
}

bool is_listed(const StreamEntry& entry) {
  const PlannedInode& inode = entry.inode;
  return entry.kind == StreamEntry::Kind::inode && inode.type == archive::EntryType::file &&
         inode.content.known && inode.metadata.xattrs.empty();
}

bool is_listed_as(const StreamEntry& entry, const std::optional<MtimeLimit>& mtimes,
                  const ListedFile& file) {
  if (!is_listed(entry)) return false;
  const Metadata& metadata = entry.inode.metadata;
  const KnownContent& known = *entry.inode.content.known;
  return file.content == known.digest && file.size == known.size && file.mode == metadata.mode &&
         file.uid == metadata.uid && file.gid == metadata.gid &&
         TimePoint{file.mtime, file.mtime_nanoseconds} == clamped_mtime(metadata, mtimes) &&
         file.path == entry.path;
}

LayerContents contents_of(const PlannedEntry& root, const std::optional<MtimeLimit>& mtimes,
                          const std::vector<HashMark>& marks) {
  LayerContents out;
  PlanDigest digest(mtimes);
  std::uint64_t entries = 0;
  bool known = true;
  auto mark = marks.begin();
  const auto note = [&] {
    for (; mark != marks.end() && mark->entries == entries; ++mark)
      out.marks.push_back({entries, digest.value(), mark->hash});
  };
  visit_stream(root, [&](const StreamEntry& entry) {
    if (known) note();
    known = known && digest.add(entry);
    ++entries;
    if (!is_listed(entry)) return true;
    const Metadata& metadata = entry.inode.metadata;
    const KnownContent& content = *entry.inode.content.known;
    const TimePoint mtime = clamped_mtime(metadata, mtimes);
    out.files.push_back({entry.path, metadata.mode, metadata.uid, metadata.gid, mtime.seconds,
                         mtime.nanoseconds, content.size, content.digest});
    return true;
  });
  if (known) note();
  return out;
}

}  // namespace kiln::snapshot
