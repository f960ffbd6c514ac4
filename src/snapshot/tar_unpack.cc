// SPDX-License-Identifier: Apache-2.0
#include "snapshot/tar_unpack.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "snapshot/directory_times.h"
#include "snapshot/layer_form.h"
#include "snapshot/link_resolution.h"
#include "snapshot/tar_content.h"
#include "snapshot/tree_order.h"
#include "snapshot/whiteout_names.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;
using Time = DirectoryTimes::Time;

/// Four times what the kernel takes at once. Every level of it costs an inode, time and memory.
constexpr std::size_t kMaxName = 16384;

class Unpacker {
 public:
  Unpacker(archive::TarReader& tar, const os::Dir& root, Form form, const std::stop_token& stop)
      : tar_(&tar), root_(&root), form_(form), stop_(&stop) {}

  Result<UnpackedTree> run() {
    // What a directory gives to all that is made in it (default access lists) is in no stream.
    const os::Xattrs inherited = TRY(root_->xattrs("."));
    as_told_ = image_xattrs(inherited).empty();
    for (;;) {
      if (stop_->stop_requested()) return cancelled();
      const auto entry = TRY(tar_->next());
      if (!entry) break;
      if (tar_->canonical() && as_told_) as_told_ = order_.add(*entry);
      TRY(unpack(*entry).context([&] { return "entry \"" + entry->path + "\""; }));
    }
    // An archive that doesn't name its root says nothing of it, least of all when it was unpacked.
    times_.add({}, Time{0, 0});
    TRY(set_directory_times());
    UnpackedTree out;
    if (!replaced_) {
      out.content_size = content_size_;
      out.disk_size = disk_size_;
    }
    if (!tar_->canonical()) {
      out.canonical = false;
    } else if (as_told_) {
      out.canonical = true;
    }
    return out;
  }

 private:
  Result<void> unpack(const TarEntry& entry) {
    if (entry.path.find('\0') != std::string::npos) return corrupt("its name holds a zero byte");
    if (entry.path.starts_with('/')) return corrupt("its name is absolute");
    if (climbs_out(entry.path)) return corrupt("its name leads outside of the archive");
    if (entry.path.size() > kMaxName) return corrupt("its name has more than 16384 bytes");
    const os::RelPath path = os::RelPath::clean(entry.path);
    if (path.is_root()) {
      if (entry.type != EntryType::directory) return corrupt("the root is not a directory");
      return apply_directory(*root_, ".", path, entry);
    }
    const std::shared_ptr<const os::Dir> parent = TRY(open_parent(path));
    const std::string name(path.name());
    if (form_ == Form::layer && name.starts_with(kWhiteoutPrefix))
      return apply_whiteout_mark(*parent, name);
    auto created = create(*parent, name, path, entry);
    if (created || created.error().kind() != ErrorKind::already_exists) return created;
    const bool hidden = TRY(clear(*parent, name));
    TRY(create(*parent, name, path, entry));
    // The name is whited out in this layer too: what is below must not show through.
    if (hidden && form_ == Form::layer && entry.type == EntryType::directory)
      TRY(parent->set_xattr(name, kOpaqueXattr, "y"));
    return {};
  }

  /// Makes room at a name; tells whether a whiteout was there.
  Result<bool> clear(const os::Dir& parent, const std::string& name) {
    const os::FileInfo there = TRY(parent.stat(name));
    replaced_ = true;
    // What the next entry's folder is may have changed.
    if (there.type == os::FileType::directory || there.type == os::FileType::symlink)
      forget_parent();
    TRY(parent.remove_tree(name));
    return there.is_whiteout();
  }

  /// Kind already_exists, and nothing changed, if something is there that the entry can't become.
  Result<void> create(const os::Dir& parent, const std::string& name, const os::RelPath& path,
                      const TarEntry& entry) {
    switch (entry.type) {
      case EntryType::directory:
        return create_directory(parent, name, path, entry);
      case EntryType::file:
        return write_file(parent, name, entry);
      case EntryType::hardlink:
        return create_hardlink(parent, name, entry);
      case EntryType::symlink:
        if (entry.link_target.empty()) return corrupt("a symlink to nothing");
        TRY(parent.create_symlink(name, entry.link_target));
        break;
      case EntryType::fifo:
        TRY(parent.create_fifo(name, 0600));
        break;
      case EntryType::char_device:
      case EntryType::block_device:
        if (entry.type == EntryType::char_device && entry.device_major == 0 &&
            entry.device_minor == 0) {
          if (form_ == Form::plain) {
            TRY(parent.create_whiteout(name));
            break;
          }
          return corrupt("a device 0/0, which layers can't hold");
        }
        TRY(create_device(parent, name, entry.type, entry.device_major, entry.device_minor));
        break;
    }
    TRY(apply_metadata(parent, name, entry.type == EntryType::symlink, metadata_of(entry)));
    TRY(check_xattrs(parent, name, entry));
    const os::FileInfo info = TRY(parent.stat(name));
    disk_size_ += info.allocated;
    return {};
  }

  Result<void> create_directory(const os::Dir& parent, const std::string& name,
                                const os::RelPath& path, const TarEntry& entry) {
    auto made = parent.create_dir(name, 0700);
    if (!made) {
      if (made.error().kind() != ErrorKind::already_exists) return made;
      const os::FileInfo there = TRY(parent.stat(name));
      if (there.type != os::FileType::directory) return made;
    }
    return apply_directory(parent, name, path, entry);
  }

  Result<void> create_hardlink(const os::Dir& parent, const std::string& name,
                               const TarEntry& entry) {
    if (climbs_out(entry.link_target))
      return corrupt("a hard link that leads outside of the archive: " + entry.link_target);
    const os::RelPath target = os::RelPath::clean(entry.link_target);
    auto dir = open_existing_parent(target);
    if (!dir) return corrupt("a hard link to \"" + entry.link_target + "\", which is not there");
    const auto there = TRY(dir->find(target.name()));
    if (target.is_root() || !there || there->type == os::FileType::directory ||
        there->is_whiteout())
      return corrupt("a hard link to \"" + entry.link_target + "\", which is not there");
    TRY(parent.create_hardlink(name, *dir, target.name()));
    if (as_told_) as_told_ = is_as_told(entry, target, *there);
    // A link's own owner counts, as for docker; in a sound archive it is the file's.
    if (there->uid == entry.uid && there->gid == entry.gid) return {};
    const Metadata kept{there->permissions,       entry.uid, entry.gid, there->mtime,
                        there->mtime_nanoseconds, {}};
    return apply_metadata(parent, name, there->type == os::FileType::symlink, kept);
  }

  /// Whether the tree's stream would say this of the link.
  bool is_as_told(const TarEntry& link, const os::RelPath& target, const os::FileInfo& file) const {
    return target.str() == link.link_target && file.permissions == link.mode &&
           file.uid == link.uid && file.gid == link.gid && file.mtime == link.mtime &&
           root_->open_dir_beneath(target.parent()).ok();
  }

  /// Permissions that only restrict can be there from the beginning: the descriptor is open.
  Result<void> write_file(const os::Dir& parent, const std::string& name, const TarEntry& entry) {
    const os::Fd out = TRY(parent.create_file(name, entry.mode & 0777));
    TRY(write_tar_content(*tar_, entry.size, out, name, *stop_));
    const os::FileInfo info = TRY(os::file_info(out, name));
    content_size_ += entry.size;
    if (entry.xattrs.empty()) {
      disk_size_ += info.allocated;
      return apply_metadata(parent, name, out, info, metadata_of(entry));
    }
    TRY(apply_metadata(parent, name, false, metadata_of(entry)));
    // They may take blocks of their own.
    const os::FileInfo whole = TRY(os::file_info(out, name));
    disk_size_ += whole.allocated;
    return check_xattrs(parent, name, entry);
  }

  /// Some file systems and users can't have some xattrs; access lists change more than themselves.
  Result<void> check_xattrs(const os::Dir& parent, std::string_view name, const TarEntry& entry) {
    if (!as_told_ || entry.xattrs.empty()) return {};
    const os::Xattrs on_disk = TRY(parent.xattrs(name));
    as_told_ = image_xattrs(on_disk) == entry.xattrs &&
               std::ranges::none_of(entry.xattrs, [](const auto& xattr) {
                 return xattr.first.starts_with("system.");
               });
    return {};
  }

  static Metadata metadata_of(const TarEntry& entry) {
    return {entry.mode, entry.uid, entry.gid, entry.mtime, entry.mtime_nanoseconds, entry.xattrs};
  }

  Result<void> apply_directory(const os::Dir& parent, std::string_view name,
                               const os::RelPath& path, const TarEntry& entry) {
    times_.set(path, Time{entry.mtime, entry.mtime_nanoseconds});
    TRY(apply_metadata(parent, name, false, metadata_of(entry)));
    return check_xattrs(parent, name, entry);
  }

  /// The directory that `path` is to be created in. Missing ones are made, 0755 of 0:0.
  Result<std::shared_ptr<const os::Dir>> open_parent(const os::RelPath& path) {
    const os::RelPath parent = path.parent();
    if (parent_ && parent_path_ == parent) return parent_;
    os::Dir dir;
    if (parent.is_root()) {
      dir = TRY(root_->open_dir("."));
    } else {
      dir = TRY(ensure_directory(parent));
    }
    parent_ = std::make_shared<const os::Dir>(std::move(dir));
    parent_path_ = parent;
    return parent_;
  }

  Result<os::Dir> open_existing_parent(const os::RelPath& path) {
    return open_directory(path.parent());
  }

  /// As a process chrooted at the root would reach it.
  Result<os::Dir> open_directory(const os::RelPath& path) {
    if (path.str().size() < os::kPathLimit) {
      os::Fd fd = TRY(root_->open_dir_in_root(path.str()));
      return os::Dir(std::move(fd), root_->path() + "/" + path.str());
    }
    // Resolving links step by step would cost the square of the depth for every entry.
    return root_->open_dir_beneath(path);
  }

  Result<os::Dir> ensure_directory(const os::RelPath& path) {
    auto dir = open_directory(path);
    if (dir || dir.error().kind() != ErrorKind::not_found) return dir;
    dir = TRY(root_->open_dir("."));
    const auto names = path.components();
    os::RelPath at;
    // Halving: one level after another would cost the square of the depth.
    std::size_t there = 0;
    for (std::size_t missing = names.size(); missing - there > 1;) {
      const std::size_t level = there + (missing - there) / 2;
      os::RelPath above = first_levels(path, names, level);
      auto found = open_directory(above);
      if (!found && found.error().kind() != ErrorKind::not_found) return found;
      if (!found) {
        missing = level;
        continue;
      }
      there = level;
      at = std::move(above);
      dir = std::move(found);
    }
    for (std::size_t level = there; level < names.size(); ++level) {
      at = at / names[level];
      dir = TRY(make_directory(*dir, at));
    }
    return dir;
  }

  static os::RelPath first_levels(const os::RelPath& path,
                                  const std::vector<std::string_view>& names, std::size_t count) {
    const char* const end = names[count - 1].data() + names[count - 1].size();
    return os::RelPath::clean(std::string_view(path.str().data(), end));
  }

  Result<os::Dir> make_directory(const os::Dir& above, const os::RelPath& path) {
    const std::string name(path.name());
    const auto there = TRY(above.find(name));
    // A file, or a symlink that leads nowhere, where a directory is needed.
    if (there && there->type == os::FileType::symlink)
      return corrupt("its folder is a symlink to nothing");
    if (there) TRY(above.remove_tree(name));
    TRY(above.create_dir(name, 0755));
    TRY(above.set_mode(name, 0755));
    TRY(above.set_mtime(name, 0, 0));
    times_.add(path, Time{0, 0});
    if (there && there->is_whiteout()) TRY(above.set_xattr(name, kOpaqueXattr, "y"));
    return above.open_dir(name);
  }

  void forget_parent() { parent_.reset(); }

  /// Last, the deepest first: making an entry changes its directory's time.
  Result<void> set_directory_times() {
    Result<os::Dir> parent = os::Dir();
    std::optional<os::RelPath> parent_path;
    return times_.visit([&](const os::RelPath& path, const Time& time) -> Result<void> {
      if (path.is_root()) return root_->set_mtime(".", time.seconds, time.nanoseconds);
      if (os::RelPath above = path.parent(); parent_path != above) {
        parent = open_existing_parent(path);
        parent_path = std::move(above);
      }
      if (!parent) return {};  // replaced by something else since
      const auto there = parent->find(path.name());
      if (!there || !*there || (*there)->type != os::FileType::directory) return {};
      disk_size_ += (*there)->allocated;
      return parent->set_mtime(path.name(), time.seconds, time.nanoseconds);
    });
  }

  archive::TarReader* tar_;
  const os::Dir* root_;
  Form form_;
  const std::stop_token* stop_;
  DirectoryTimes times_;
  /// Of the last entry: the next one is mostly beside it.
  std::shared_ptr<const os::Dir> parent_;
  os::RelPath parent_path_;

  TreeOrder order_;
  bool as_told_ = true;    ///< the tree is what the entries say, in its own order
  bool replaced_ = false;  ///< something that was made is gone, so that the sizes are not right
  std::uint64_t content_size_ = 0;
  std::uint64_t disk_size_ = 0;
};

}  // namespace

Result<UnpackedTree> unpack_tar(archive::TarReader& tar, const os::Dir& root,
                                const std::stop_token& stop) {
  return Unpacker(tar, root, Form::layer, stop).run();
}

Result<void> unpack_plain_tar(archive::TarReader& tar, const os::Dir& root) {
  const std::stop_token never;
  TRY(Unpacker(tar, root, Form::plain, never).run());
  return {};
}

}  // namespace kiln::snapshot
