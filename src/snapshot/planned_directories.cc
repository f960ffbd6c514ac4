// SPDX-License-Identifier: Apache-2.0
#include "snapshot/planned_directories.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "os/parallel.h"

namespace kiln::snapshot {
namespace {

/// So many subtrees are shared out among threads; they cost more than they save on fewer.
constexpr std::size_t kSubtreesForThreads = 32;

bool is_directory(const PlannedEntry& entry) {
  return !entry.whiteout && entry.inode->type == archive::EntryType::directory;
}

bool holds_directories(const PlannedEntry& entry) {
  return std::ranges::any_of(entry.children,
                             [](const auto& child) { return is_directory(child.second); });
}

/// A directory that is there, with directories in it that are not.
struct Subtree {
  const PlannedEntry* entry;
  os::RelPath path;
};

class Maker {
 public:
  Maker(const os::Dir& fs, const DirectoryMode& mode, const std::stop_token& stop)
      : fs_(&fs), mode_(&mode), stop_(&stop) {}

  Result<void> make(const PlannedEntry& root) const {
    std::vector<Subtree> level = {{&root, {}}};
    while (!level.empty() && level.size() < kSubtreesForThreads) {
      std::vector<Subtree> below;
      for (const Subtree& subtree : level) {
        const os::Dir dir = TRY(fs_->open_dir_beneath(subtree.path));
        TRY(make_in(dir, subtree, &below));
      }
      level = std::move(below);
    }
    return os::for_each_part(level.size(), kSubtreesForThreads / 2,
                             [&](std::size_t begin, std::size_t end) -> Result<void> {
                               for (; begin < end; ++begin) {
                                 const os::Dir dir = TRY(fs_->open_dir_beneath(level[begin].path));
                                 TRY(make_in(dir, level[begin], nullptr));
                               }
                               return {};
                             });
  }

 private:
  /// Makes the directories in `dir`, and all below them, or else adds those with directories in
  /// them to `below`.
  Result<void> make_in(const os::Dir& dir, const Subtree& at, std::vector<Subtree>* below) const {
    for (const auto& [name, child] : at.entry->children) {
      if (!is_directory(child)) continue;
      if (stop_->stop_requested()) return cancelled();
      TRY(dir.create_dir(name, (*mode_)(child)));
      if (child.opaque) TRY(dir.set_xattr(name, kOpaqueXattr, "y"));
      if (!holds_directories(child)) continue;
      if (below != nullptr) {
        below->push_back({&child, at.path / name});
        continue;
      }
      const os::Dir sub = TRY(dir.open_dir(name));
      TRY(make_in(sub, {&child, {}}, nullptr));
    }
    return {};
  }

  const os::Dir* fs_;
  const DirectoryMode* mode_;
  const std::stop_token* stop_;
};

}  // namespace

Result<void> make_directories(const os::Dir& fs, const PlannedEntry& root,
                              const DirectoryMode& mode, const std::stop_token& stop) {
  return Maker(fs, mode, stop).make(root);
}

}  // namespace kiln::snapshot
