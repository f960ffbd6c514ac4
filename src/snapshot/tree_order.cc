// SPDX-License-Identifier: Apache-2.0
#include "snapshot/tree_order.h"

#include <utility>

#include "snapshot/layer_form.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;

/// Every file system has times up to it: ext4 with small inodes ends there.
constexpr std::int64_t kLastSafeTime = 0x7fffffff;
/// What a dev_t of the kernel holds.
constexpr std::uint32_t kMaxMajor = 0xfff;
constexpr std::uint32_t kMaxMinor = 0xfffff;

bool is_name(std::string_view text) { return !text.empty() && text != "." && text != ".."; }

/// As write_tree_tar writes whiteouts and opaque marks.
bool is_plain_mark(const TarEntry& entry) {
  TarEntry mark;
  mark.path = entry.path;
  return entry == mark;
}

bool is_representable(const TarEntry& entry) {
  if (entry.mtime < 0 || entry.mtime > kLastSafeTime || entry.mtime_nanoseconds != 0) return false;
  switch (entry.type) {
    case EntryType::symlink:
      return entry.mode == 0777 && entry.xattrs.empty();
    case EntryType::hardlink:
      return entry.xattrs.empty();
    case EntryType::char_device:
    case EntryType::block_device:
      return entry.device_major <= kMaxMajor && entry.device_minor <= kMaxMinor;
    default:
      return true;
  }
}

}  // namespace

bool TreeOrder::add(const TarEntry& entry) {
  if (in_order_) in_order_ = entry.path == "." ? fits_root(entry) : fits(entry);
  any_ = true;
  return in_order_;
}

bool TreeOrder::fits_root(const TarEntry& entry) const {
  const bool needed =
      entry.mode != 0755 || entry.uid != 0 || entry.gid != 0 || !entry.xattrs.empty();
  return !any_ && needed && entry.type == EntryType::directory && entry.mtime == 0;
}

bool TreeOrder::leave_to(std::string_view parent) {
  while (open_.size() > 1 && open_.back().path != parent) open_.pop_back();
  return open_.back().path == parent;
}

bool TreeOrder::fits(const TarEntry& entry) {
  const std::string_view path = entry.path;
  const auto slash = path.rfind('/');
  const bool at_root = slash == std::string_view::npos;
  std::string_view name = at_root ? path : path.substr(slash + 1);
  // What stands on the stack is clean, so that a name that is one makes a path that is.
  if (slash == 0 || !leave_to(at_root ? std::string_view() : path.substr(0, slash))) return false;
  Level& parent = open_.back();
  if (name == kOpaqueName) {
    const bool first = parent.last.empty() && !parent.marked;
    parent.marked = true;
    return first && is_plain_mark(entry);
  }
  const bool whiteout = name.starts_with(kWhiteoutPrefix);
  if (whiteout) name.remove_prefix(kWhiteoutPrefix.size());
  if (!is_name(name) || name.starts_with(kWhiteoutPrefix) || name <= parent.last) return false;
  parent.last = name;
  if (whiteout) return is_plain_mark(entry);
  if (!is_representable(entry)) return false;
  if (entry.type == EntryType::directory) {
    open_.push_back({entry.path});
  } else if (entry.type == EntryType::hardlink) {
    if (links_.contains(entry.link_target)) return false;
    links_.insert(entry.path);
  }
  return true;
}

}  // namespace kiln::snapshot
