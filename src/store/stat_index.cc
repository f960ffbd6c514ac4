// SPDX-License-Identifier: Apache-2.0
#include "store/stat_index.h"

#include <cstring>
#include <utility>

#include "base/packed.h"
#include "os/fd.h"

namespace kiln::store {
namespace {

constexpr std::string_view kMagic = "kiln stat index 3\n";
constexpr std::uint8_t kMaxUnseen = 16;
/// Longer than the tick of any kernel's coarse clock.
constexpr std::int64_t kGrainNanoseconds = 50'000'000;

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
  const auto bytes = os::read_file(path_, std::size_t{1} << 30);
  if (bytes && !parse(*bytes)) entries_.clear();
}

bool StatIndex::parse(std::string_view in) {
  const auto body = checked_packed(in, kMagic);
  if (!body) return false;
  in = *body;
  std::uint64_t count = 0;
  if (!take_packed(in, count) || count > in.size()) return false;
  entries_.reserve(count);
  for (; count > 0; --count) {
    std::string_view name, xattrs;
    Entry e{};
    if (!take_packed_text(in, name) || !take_packed(in, e.stat, e.unseen, e.facts.content) ||
        !take_packed_text(in, xattrs))
      return false;
    e.facts.xattrs = xattrs;
    entries_.emplace(name, std::move(e));
  }
  return in.empty();
}

const FileFacts* StatIndex::find(std::string_view path, const os::FileInfo& info) {
  load();
  const auto it = entries_.find(path);
  if (it == entries_.end()) return nullptr;
  Entry& e = it->second;
  e.seen = true;
  return e.stat == stat_facts(info) ? &e.facts : nullptr;
}

void StatIndex::put(std::string_view path, const os::FileInfo& info, FileFacts facts,
                    const TimePoint& now) {
  if (!is_settled(info, now)) return;
  load();
  changed_ = true;
  Entry e{};
  e.stat = stat_facts(info);
  e.seen = true;
  e.facts = std::move(facts);
  entries_.insert_or_assign(std::string(path), std::move(e));
}

Result<void> StatIndex::save() {
  if (!changed_) return {};
  std::string out(kMagic);
  const std::size_t count_at = out.size();
  append_packed(out, std::uint64_t{0});
  std::uint64_t count = 0;
  for (const auto& [name, e] : entries_) {
    const auto unseen = static_cast<std::uint8_t>(e.seen ? 0 : e.unseen + 1);
    if (unseen > kMaxUnseen) continue;
    ++count;
    append_packed_text(out, name);
    append_packed(out, e.stat, unseen, e.facts.content);
    append_packed_text(out, e.facts.xattrs);
  }
  std::memcpy(out.data() + count_at, &count, sizeof count);
  append_packed(out, sha256(out));
  changed_ = false;
  return os::write_file_atomically(path_, out, 0600);
}

}  // namespace kiln::store
