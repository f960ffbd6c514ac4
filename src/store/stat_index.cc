// SPDX-License-Identifier: Apache-2.0
#include "store/stat_index.h"

#include <cstring>

#include "os/fd.h"

namespace kiln::store {
namespace {

constexpr std::string_view kMagic = "kiln stat index 2\n";
constexpr std::uint8_t kMaxUnseen = 16;
/// Longer than the tick of any kernel's coarse clock.
constexpr std::int64_t kGrainNanoseconds = 50'000'000;

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
bool take(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}

bool take_text(std::string_view& in, std::string& text) {
  std::uint32_t size = 0;
  if (!take(in, size) || in.size() < size) return false;
  text.assign(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

std::int64_t nanoseconds_between(const TimePoint& from, const TimePoint& to) {
  return (to.seconds - from.seconds) * 1'000'000'000 +
         (static_cast<std::int64_t>(to.nanoseconds) - static_cast<std::int64_t>(from.nanoseconds));
}

}  // namespace

StatIndex StatIndex::load(std::string path) {
  StatIndex index;
  index.path_ = std::move(path);
  const auto bytes = os::read_file(index.path_, std::size_t{1} << 30);
  if (bytes && !index.parse(*bytes)) index.entries_.clear();
  return index;
}

bool StatIndex::parse(std::string_view in) {
  if (!in.starts_with(kMagic) || in.size() < kMagic.size() + sizeof(Sha256Bytes)) return false;
  // A wrong digest in here would be a wrong cache key: damage must not go unnoticed.
  const std::string_view checksum = in.substr(in.size() - sizeof(Sha256Bytes));
  in.remove_suffix(sizeof(Sha256Bytes));
  const Sha256Bytes found = sha256(in);
  if (std::memcmp(found.data(), checksum.data(), found.size()) != 0) return false;
  in.remove_prefix(kMagic.size());
  std::uint64_t count = 0;
  if (!take(in, count) || count > in.size()) return false;
  entries_.reserve(count);
  for (; count > 0; --count) {
    std::string name;
    Entry e{};
    if (!take_text(in, name) || !take(in, e.device) || !take(in, e.inode) || !take(in, e.size) ||
        !take(in, e.mtime) || !take(in, e.ctime) || !take(in, e.mtime_nanoseconds) ||
        !take(in, e.ctime_nanoseconds) || !take(in, e.unseen) || !take(in, e.facts.content) ||
        !take_text(in, e.facts.xattrs))
      return false;
    entries_.emplace(std::move(name), std::move(e));
  }
  return in.empty();
}

const FileFacts* StatIndex::find(std::string_view path, const os::FileInfo& info) {
  const auto it = entries_.find(path);
  if (it == entries_.end()) return nullptr;
  Entry& e = it->second;
  e.seen = true;
  if (e.device != info.device || e.inode != info.inode || e.size != info.size ||
      e.mtime != info.mtime || e.mtime_nanoseconds != info.mtime_nanoseconds ||
      e.ctime != info.ctime || e.ctime_nanoseconds != info.ctime_nanoseconds)
    return nullptr;
  return &e.facts;
}

void StatIndex::put(std::string_view path, const os::FileInfo& info, FileFacts facts,
                    const TimePoint& now) {
  // Whole seconds in both times: a file system that keeps no finer ones.
  const std::int64_t grain = info.ctime_nanoseconds == 0 && info.mtime_nanoseconds == 0
                                 ? 2'000'000'000
                                 : kGrainNanoseconds;
  if (nanoseconds_between({info.ctime, info.ctime_nanoseconds}, now) < grain) return;
  changed_ = true;
  Entry e{};
  e.device = info.device;
  e.inode = info.inode;
  e.size = info.size;
  e.mtime = info.mtime;
  e.ctime = info.ctime;
  e.mtime_nanoseconds = info.mtime_nanoseconds;
  e.ctime_nanoseconds = info.ctime_nanoseconds;
  e.seen = true;
  e.facts = std::move(facts);
  entries_.insert_or_assign(std::string(path), std::move(e));
}

Result<void> StatIndex::save() {
  if (!changed_) return {};
  std::string out(kMagic);
  const std::size_t count_at = out.size();
  append(out, std::uint64_t{0});
  std::uint64_t count = 0;
  for (const auto& [name, e] : entries_) {
    const auto unseen = static_cast<std::uint8_t>(e.seen ? 0 : e.unseen + 1);
    if (unseen > kMaxUnseen) continue;
    ++count;
    append_text(out, name);
    append(out, e.device);
    append(out, e.inode);
    append(out, e.size);
    append(out, e.mtime);
    append(out, e.ctime);
    append(out, e.mtime_nanoseconds);
    append(out, e.ctime_nanoseconds);
    append(out, unseen);
    append(out, e.facts.content);
    append_text(out, e.facts.xattrs);
  }
  std::memcpy(out.data() + count_at, &count, sizeof count);
  append(out, sha256(out));
  changed_ = false;
  return os::write_file_atomically(path_, out, 0600);
}

}  // namespace kiln::store
