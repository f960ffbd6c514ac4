// SPDX-License-Identifier: Apache-2.0
#include "store/stat_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/packed.h"
#include "os/fd.h"

namespace kiln::store {
namespace {

constexpr std::string_view kStatIndexMagic = "kiln stat index 4\n";
constexpr std::uint32_t kMaxUnseen = 16;
/// Longer than the tick of any kernel's coarse clock.
constexpr std::int64_t kGrainNanoseconds = 50'000'000;

/// What the index says of a file, after its path; then the text of its xattrs.
struct Packed {
  StatFacts stat;
  Sha256Bytes content;
  std::uint32_t unseen = 0;  ///< saves since it was last asked for
  std::uint32_t unused[1] = {};
};

/// The order of a walk: bytewise, but that what is in a directory follows it at once.
bool is_before(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  const auto at = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first -
      a.begin());
  if (at == most) return a.size() < b.size();
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
  return rank(a[at]) < rank(b[at]);
}

std::int64_t nanoseconds_between(const TimePoint& from, const TimePoint& to) {
  return (to.seconds - from.seconds) * 1'000'000'000 +
         (static_cast<std::int64_t>(to.nanoseconds) - static_cast<std::int64_t>(from.nanoseconds));
}

}  // namespace

StatFacts stat_facts(const os::FileInfo& info) {
  return {
      info.device,           info.inode, info.size, info.mtime, info.ctime, info.mtime_nanoseconds,
      info.ctime_nanoseconds};
}

bool is_settled(const os::FileInfo& info, const TimePoint& now) {
  // Whole seconds in both times: a file system that keeps no finer ones.
  const std::int64_t grain = info.ctime_nanoseconds == 0 && info.mtime_nanoseconds == 0
                                 ? 2'000'000'000
                                 : kGrainNanoseconds;
  return nanoseconds_between({info.ctime, info.ctime_nanoseconds}, now) >= grain;
}

void StatIndex::load() {
  if (std::exchange(loaded_, true)) return;
  auto bytes = os::read_file(path_, std::size_t{1} << 30);
  if (!bytes) return;
  file_ = *std::move(bytes);
  if (!parse(file_)) kept_.clear();
}

bool StatIndex::parse(std::string_view in) {
  const auto body = checked_packed(in, kStatIndexMagic);
  if (!body) return false;
  in = *body;
  std::uint64_t count = 0;
  if (!take_packed(in, count) || count > in.size()) return false;
  kept_.reserve(count);
  for (; count > 0; --count) {
    Kept kept;
    if (!take_packed_text(in, kept.path)) return false;
    const char* const begin = in.data();
    Packed fixed;
    std::string_view xattrs;
    if (!take_packed(in, fixed) || !take_packed_text(in, xattrs)) return false;
    kept.value = {begin, in.data()};
    if (!kept_.empty() && !is_before(kept_.back().path, kept.path)) return false;
    kept_.push_back(kept);
  }
  return in.empty();
}

StatIndex::Kept* StatIndex::find_kept(std::string_view path) {
  if (next_ < kept_.size() && kept_[next_].path == path) return &kept_[next_++];
  const auto found = std::ranges::lower_bound(kept_, path, is_before, &Kept::path);
  if (found == kept_.end() || found->path != path) return nullptr;
  next_ = static_cast<std::size_t>(found - kept_.begin()) + 1;
  return &*found;
}

std::optional<FileFacts> StatIndex::find(std::string_view path, const os::FileInfo& info) {
  load();
  if (!added_.empty()) {
    const auto added = added_.find(path);
    if (added != added_.end()) {
      if (added->second.stat != stat_facts(info)) return std::nullopt;
      return added->second.facts;
    }
  }
  Kept* kept = find_kept(path);
  if (kept == nullptr) return std::nullopt;
  kept->seen = true;
  std::string_view in = kept->value;
  Packed fixed;
  std::string_view xattrs;
  take_packed(in, fixed);
  take_packed_text(in, xattrs);
  if (fixed.stat != stat_facts(info)) return std::nullopt;
  return FileFacts{fixed.content, std::string(xattrs)};
}

void StatIndex::put(std::string_view path, const os::FileInfo& info, FileFacts facts,
                    const TimePoint& now) {
  if (!is_settled(info, now)) return;
  load();
  changed_ = true;
  added_.insert_or_assign(std::string(path), Added{stat_facts(info), std::move(facts)});
}

Result<void> StatIndex::save() {
  if (!changed_) return {};
  std::vector<const decltype(added_)::value_type*> added;
  added.reserve(added_.size());
  for (const auto& entry : added_) added.push_back(&entry);
  std::ranges::sort(added, is_before, [](const auto* entry) { return entry->first; });
  std::string out(kStatIndexMagic);
  out.reserve(file_.size() + added.size() * (sizeof(Packed) + 64) + 128);
  const std::size_t count_at = out.size();
  append_packed(out, std::uint64_t{0});
  std::uint64_t count = 0;
  const auto append_added = [&](const auto& entry) {
    ++count;
    append_packed_text(out, entry.first);
    append_packed(out, Packed{entry.second.stat, entry.second.facts.content, 0, {}});
    append_packed_text(out, entry.second.facts.xattrs);
  };
  auto next = added.begin();
  for (const Kept& kept : kept_) {
    while (next != added.end() && is_before((*next)->first, kept.path)) append_added(**next++);
    if (next != added.end() && (*next)->first == kept.path) continue;
    Packed fixed;
    std::string_view in = kept.value;
    take_packed(in, fixed);
    fixed.unseen = kept.seen ? 0 : fixed.unseen + 1;
    if (fixed.unseen > kMaxUnseen) continue;
    ++count;
    append_packed_text(out, kept.path);
    append_packed(out, fixed);
    out += in;
  }
  while (next != added.end()) append_added(**next++);
  std::memcpy(out.data() + count_at, &count, sizeof count);
  append_packed(out, sha256(out));
  changed_ = false;
  return os::write_file_atomically(path_, out, 0600);
}

}  // namespace kiln::store
