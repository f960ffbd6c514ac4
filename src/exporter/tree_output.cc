// SPDX-License-Identifier: Apache-2.0
#include "exporter/tree_output.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "archive/fd_stream.h"
#include "archive/stoppable_sink.h"
#include "archive/tar_writer.h"
#include "os/file_io.h"
#include "os/system.h"
#include "snapshot/layer_form.h"
#include "snapshot/tree_tar.h"

namespace kiln::exporter {
namespace {

using archive::EntryType;

/// What a walk finds, as an archive has it; `fd` of a file.
class TreeTarget {
 public:
  virtual ~TreeTarget() = default;
  virtual Result<void> enter(const archive::TarEntry& directory, const std::string& name) = 0;
  virtual Result<void> leave(const archive::TarEntry& directory, const std::string& name) = 0;
  virtual Result<void> file(const archive::TarEntry& entry, const std::string& name,
                            const os::Fd& fd, const os::FileInfo& info) = 0;
  /// All that has no content.
  virtual Result<void> other(const archive::TarEntry& entry, const std::string& name) = 0;
};

class TreeWalker {
 public:
  TreeWalker(TreeTarget& target, const OutputTree& tree, const std::stop_token& stop)
      : target_(&target), tree_(&tree), stop_(&stop) {}

  Result<void> walk() {
    if (tree_->prefix.empty()) return contents(*tree_->root, {});
    archive::TarEntry directory;
    directory.type = EntryType::directory;
    directory.path = tree_->prefix;
    directory.mode = 0755;
    directory.mtime = tree_->mtime.value_or(0);
    TRY(target_->enter(directory, tree_->prefix));
    TRY(contents(*tree_->root, tree_->prefix));
    return target_->leave(directory, tree_->prefix);
  }

 private:
  Result<void> contents(const os::Dir& dir, const std::string& path) {
    const std::vector<os::DirEntry> entries = TRY(dir.list());
    for (const auto& entry : entries)
      TRY(one(dir, entry.name, path.empty() ? entry.name : path + "/" + entry.name));
    return {};
  }

  archive::TarEntry entry_of(const os::FileInfo& info, std::string path,
                             const os::Xattrs& on_disk) const {
    archive::TarEntry out;
    out.path = std::move(path);
    out.mode = info.permissions;
    out.uid = info.uid;
    out.gid = info.gid;
    out.mtime = tree_->mtime.value_or(info.mtime);
    out.mtime_nanoseconds = tree_->mtime ? 0 : info.mtime_nanoseconds;
    out.xattrs = snapshot::image_xattrs(on_disk);
    return out;
  }

  Result<void> one(const os::Dir& dir, const std::string& name, std::string path) {
    if (stop_->stop_requested()) return cancelled();
    const auto there = TRY(dir.find(name));
    // Overlayfs lists a whiteout of nothing, and denies that it is there.
    if (!there) return {};
    const os::FileInfo& info = *there;
    if (info.type == os::FileType::socket || info.is_whiteout()) return {};
    if (info.type != os::FileType::directory && info.links > 1) {
      const auto [first, added] = links_.try_emplace({info.device, info.inode}, path);
      if (!added) {
        archive::TarEntry link = entry_of(info, std::move(path), {});
        link.type = EntryType::hardlink;
        link.link_target = first->second;
        return target_->other(link, name);
      }
    }
    if (info.type == os::FileType::file) return file(dir, name, info, std::move(path));
    const os::Xattrs on_disk = TRY(dir.xattrs(name));
    archive::TarEntry entry = entry_of(info, std::move(path), on_disk);
    if (info.type == os::FileType::directory) {
      entry.type = EntryType::directory;
      TRY(target_->enter(entry, name));
      const os::Dir sub = TRY(dir.open_dir(name));
      TRY(contents(sub, entry.path));
      return target_->leave(entry, name);
    }
    if (info.type == os::FileType::symlink) {
      entry.type = EntryType::symlink;
      entry.link_target = TRY(dir.read_link(name));
    } else if (info.type == os::FileType::fifo) {
      entry.type = EntryType::fifo;
    } else {
      entry.type = info.type == os::FileType::block_device ? EntryType::block_device
                                                           : EntryType::char_device;
      entry.device_major = info.rdev_major;
      entry.device_minor = info.rdev_minor;
    }
    return target_->other(entry, name);
  }

  Result<void> file(const os::Dir& dir, const std::string& name, const os::FileInfo& info,
                    std::string path) {
    const os::Fd fd = TRY(dir.open_for_reading(name));
    const os::Xattrs on_disk = TRY(os::file_xattrs(fd, path));
    archive::TarEntry entry = entry_of(info, std::move(path), on_disk);
    if (const auto device = snapshot::shadow_device(on_disk)) {
      entry.type = device->type;
      entry.device_major = device->major;
      entry.device_minor = device->minor;
      return target_->other(entry, name);
    }
    entry.size = info.size;
    return target_->file(entry, name, fd, info);
  }

  TreeTarget* target_;
  const OutputTree* tree_;
  const std::stop_token* stop_;
  /// (device, inode) → the first path
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> links_;
};

/// Notes whose each path is.
class PathClaims final : public TreeTarget {
 public:
  void begin(const OutputTree& tree) { tree_ = &tree; }
  Result<void> enter(const archive::TarEntry& directory, const std::string&) override {
    return claim(directory.path, true);
  }
  Result<void> leave(const archive::TarEntry&, const std::string&) override { return {}; }
  Result<void> file(const archive::TarEntry& entry, const std::string&, const os::Fd&,
                    const os::FileInfo&) override {
    return claim(entry.path, false);
  }
  Result<void> other(const archive::TarEntry& entry, const std::string&) override {
    return claim(entry.path, false);
  }

 private:
  struct Claim {
    const OutputTree* tree;
    bool is_directory;
  };
  Result<void> claim(const std::string& path, bool is_directory) {
    const auto [at, added] = claims_.try_emplace(path, Claim{tree_, is_directory});
    if (added || (at->second.is_directory && is_directory)) return {};
    return invalid_input("cannot overwrite " + path + " from " + at->second.tree->platform +
                         " with " + tree_->platform + " when split option is disabled")
        .with_hint("platform-split=true gives each platform a directory of its own");
  }

  const OutputTree* tree_ = nullptr;
  std::map<std::string, Claim> claims_;
};

/// Of trees without a directory of their own no file may take another's place.
Result<void> check_claims(const std::vector<OutputTree>& trees, const std::stop_token& stop) {
  if (std::ranges::count(trees, std::string(), &OutputTree::prefix) < 2) return {};
  PathClaims claims;
  for (const auto& tree : trees) {
    claims.begin(tree);
    TRY(TreeWalker(claims, tree, stop).walk());
  }
  return {};
}

class ArchiveTarget final : public TreeTarget {
 public:
  explicit ArchiveTarget(archive::ByteSink& sink) : tar_(sink) {}
  Result<void> enter(const archive::TarEntry& directory, const std::string&) override {
    return tar_.begin(directory);
  }
  Result<void> leave(const archive::TarEntry&, const std::string&) override { return {}; }
  Result<void> file(const archive::TarEntry& entry, const std::string&, const os::Fd& fd,
                    const os::FileInfo& info) override {
    TRY(tar_.begin(entry));
    archive::TarContentSink content(tar_);
    return snapshot::read_file_content(fd, info, entry.path, content);
  }
  Result<void> other(const archive::TarEntry& entry, const std::string&) override {
    return tar_.begin(entry);
  }
  Result<void> finish() { return tar_.finish(); }

 private:
  archive::TarWriter tar_;
};

/// Copies a file's content where it has any: holes stay holes.
class SparseCopy {
 public:
  SparseCopy(const os::Fd& fd, std::string name, const std::stop_token& stop)
      : fd_(&fd), name_(std::move(name)), stop_(&stop) {}
  Result<void> copy(const os::Fd& from, const os::FileInfo& info) {
    TRY(os::resize_file(*fd_, info.size, name_));
    std::vector<std::byte> buffer(std::size_t{1} << 20);
    const auto stretch = [&](std::uint64_t offset, std::uint64_t length) -> Result<void> {
      for (std::uint64_t at = offset; at < offset + length;) {
        if (stop_->stop_requested()) return cancelled();
        const auto want =
            static_cast<std::size_t>(std::min<std::uint64_t>(offset + length - at, buffer.size()));
        const std::size_t n =
            TRY(os::read_at(from, archive::MutableBytes(buffer).first(want), at, name_));
        if (n == 0) return corrupt(name_ + " became shorter while it was read");
        TRY(os::write_at(*fd_, archive::Bytes(buffer).first(n), at, name_));
        at += n;
      }
      return {};
    };
    return os::for_each_data_range(from, info.size, name_, stretch);
  }

 private:
  const os::Fd* fd_;
  std::string name_;
  const std::stop_token* stop_;
};

class DirectoryTarget final : public TreeTarget {
 public:
  DirectoryTarget(os::Dir root, Others others, const std::stop_token& stop)
      : stop_(&stop), others_(others) {
    open_.push_back(std::move(root));
  }

  /// Once every tree was walked.
  Result<void> finish() const {
    if (others_ == Others::keep) return {};
    return remove_others(open_.front(), {});
  }

  Result<void> enter(const archive::TarEntry& directory, const std::string& name) override {
    note(directory);
    const auto there = TRY(here().find(name));
    if (there && there->type != os::FileType::directory) TRY(here().remove_file(name));
    if (!there || there->type != os::FileType::directory) TRY(here().create_dir(name, 0700));
    os::Dir inside = TRY(here().open_dir(name));
    open_.push_back(std::move(inside));
    return {};
  }

  Result<void> leave(const archive::TarEntry& directory, const std::string& name) override {
    open_.pop_back();
    return set_metadata(directory, name);
  }

  Result<void> file(const archive::TarEntry& entry, const std::string& name, const os::Fd& fd,
                    const os::FileInfo& info) override {
    note(entry);
    return replace(name, [&](const std::string& made) -> Result<void> {
      const os::Fd copy = TRY(here().create_file(made, 0600));
      SparseCopy content(copy, entry.path, *stop_);
      TRY(content.copy(fd, info));
      return set_metadata(entry, made);
    });
  }

  Result<void> other(const archive::TarEntry& entry, const std::string& name) override {
    note(entry);
    return replace(name, [&](const std::string& made) -> Result<void> {
      switch (entry.type) {
        case EntryType::symlink:
          TRY(here().create_symlink(made, entry.link_target));
          break;
        case EntryType::hardlink: {
          const os::RelPath target = os::RelPath::clean(entry.link_target);
          const os::Dir parent = TRY(open_.front().open_dir_beneath(target.parent()));
          return here().create_hardlink(made, parent, target.name());
        }
        case EntryType::fifo:
          TRY(here().create_fifo(made, 0600));
          break;
        default:
          TRY(here().create_device(made,
                                   entry.type == EntryType::block_device
                                       ? os::FileType::block_device
                                       : os::FileType::char_device,
                                   0600, entry.device_major, entry.device_minor));
      }
      return set_metadata(entry, made);
    });
  }

 private:
  const os::Dir& here() const { return open_.back(); }

  void note(const archive::TarEntry& entry) {
    if (others_ == Others::remove) written_.insert(entry.path);
  }

  Result<void> remove_others(const os::Dir& dir, const std::string& path) const {
    const std::vector<os::DirEntry> entries = TRY(dir.list());
    for (const auto& entry : entries) {
      const std::string below = path.empty() ? entry.name : path + "/" + entry.name;
      const os::FileInfo info = TRY(dir.stat(entry.name));
      const bool is_directory = info.type == os::FileType::directory;
      if (!written_.contains(below)) {
        TRY(is_directory ? dir.remove_tree(entry.name) : dir.remove_file(entry.name));
      } else if (is_directory) {
        const os::Dir sub = TRY(dir.open_dir(entry.name));
        TRY(remove_others(sub, below));
        // Its time is that of the result again.
        TRY(dir.set_mtime(entry.name, info.mtime, info.mtime_nanoseconds));
      }
    }
    return {};
  }

  /// What is there stays until the new one is whole.
  Result<void> replace(const std::string& name,
                       const std::function<Result<void>(const std::string& made)>& make) {
    const std::string made = ".kiln-" + os::random_id();
    const auto put = [&]() -> Result<void> {
      TRY(make(made));
      const auto there = TRY(here().find(name));
      if (there && there->type == os::FileType::directory) TRY(here().remove_tree(name));
      TRY(here().rename(made, here(), name));
      // Two names of one file: the kernel renames nothing then.
      const auto left = TRY(here().find(made));
      return left ? here().remove_file(made) : Result<void>();
    };
    auto done = put();
    if (!done.ok()) (void)here().remove_file(made).ok();
    return done;
  }

  Result<void> set_metadata(const archive::TarEntry& entry, const std::string& name) const {
    if (entry.type != EntryType::symlink) TRY(here().set_mode(name, entry.mode));
    // Not every file system has them, nor may every user set every one.
    for (const auto& [key, value] : entry.xattrs) (void)here().set_xattr(name, key, value).ok();
    return here().set_mtime(name, entry.mtime, entry.mtime_nanoseconds);
  }

  const std::stop_token* stop_;
  std::vector<os::Dir> open_;  ///< from the root to where the walk is
  Others others_;
  std::set<std::string> written_;  ///< paths, for remove_others()
};

}  // namespace

Result<void> write_trees_to_directory(const std::vector<OutputTree>& trees, const std::string& path,
                                      Others others, const std::stop_token& stop) {
  TRY(check_claims(trees, stop));
  TRY(os::ensure_directory(path, 0700));
  os::Dir root = TRY(os::Dir::open(path));
  DirectoryTarget target(std::move(root), others, stop);
  for (const auto& tree : trees) TRY(TreeWalker(target, tree, stop).walk().context(path));
  return target.finish().context(path);
}

Result<void> write_trees_to_archive(const std::vector<OutputTree>& trees, archive::ByteSink& sink,
                                    const std::stop_token& stop) {
  TRY(check_claims(trees, stop));
  archive::StoppableSink stoppable(sink, stop);
  ArchiveTarget target(stoppable);
  for (const auto& tree : trees) TRY(TreeWalker(target, tree, stop).walk());
  return target.finish();
}

}  // namespace kiln::exporter
