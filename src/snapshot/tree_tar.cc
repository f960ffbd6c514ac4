// SPDX-License-Identifier: Apache-2.0
#include "snapshot/tree_tar.h"

#include <array>
#include <map>
#include <vector>

#include "archive/stoppable_sink.h"
#include "archive/tar_writer.h"
#include "os/file_io.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/block_size.h"
#include "snapshot/hash_sink.h"
#include "snapshot/layer_form.h"

namespace kiln::snapshot {
namespace {

archive::TarEntry entry_of(const os::FileInfo& info, std::string path, os::Xattrs xattrs) {
  archive::TarEntry entry;
  entry.path = std::move(path);
  entry.mode = info.permissions;
  entry.uid = info.uid;
  entry.gid = info.gid;
  entry.mtime = info.mtime;
  entry.xattrs = std::move(xattrs);
  return entry;
}

class TreeWriter {
 public:
  TreeWriter(archive::TarWriter& tar, Form form) : tar_(&tar), form_(form) {}

  Result<TreeStats> write(const os::Dir& root) {
    const os::FileInfo info = TRY(root.stat("."));
    const os::Xattrs on_disk = TRY(root.xattrs("."));
    archive::TarEntry entry = entry_of(info, ".", image_xattrs(on_disk));
    entry.type = archive::EntryType::directory;
    if (entry.mode != 0755 || entry.uid != 0 || entry.gid != 0 || !entry.xattrs.empty()) {
      entry.mtime = 0;
      TRY(tar_->begin(entry));
    }
    TRY(write_contents(root, {}, is_opaque(on_disk)));
    TRY(tar_->finish());
    return stats_;
  }

  Result<void> write_below(const os::Dir& root, const std::string& prefix) {
    const os::FileInfo info = TRY(root.stat("."));
    const os::Xattrs on_disk = TRY(root.xattrs("."));
    archive::TarEntry entry = entry_of(info, prefix, image_xattrs(on_disk));
    entry.type = archive::EntryType::directory;
    TRY(tar_->begin(entry));
    return write_contents(root, prefix, false);
  }

 private:
  Result<void> write_contents(const os::Dir& dir, const std::string& path, bool opaque) {
    const std::string prefix = path.empty() ? path : path + "/";
    if (opaque) {
      archive::TarEntry mark;
      mark.path = prefix + std::string(kOpaqueName);
      TRY(tar_->begin(mark));
    }
    const std::vector<os::DirEntry> entries = TRY(dir.list());
    for (const auto& entry : entries) TRY(write_entry(dir, entry.name, prefix + entry.name));
    return {};
  }

  Result<void> write_entry(const os::Dir& dir, const std::string& name, std::string path) {
    ++stats_.entries;
    const os::FileInfo info = TRY(dir.stat(name));
    if (form_ == Form::layer && name.starts_with(kWhiteoutPrefix) &&
        info.type != os::FileType::socket)
      return invalid_input("/" + path + ": a name that begins with .wh. can't be kept in a layer");
    if (form_ == Form::layer && info.is_whiteout()) {
      archive::TarEntry mark;
      mark.path = path.substr(0, path.size() - name.size()) + std::string(kWhiteoutPrefix) + name;
      return tar_->begin(mark);
    }
    if (info.type == os::FileType::socket) return {};
    if (info.type != os::FileType::directory && info.links > 1) {
      const auto [first, added] = links_.try_emplace({info.device, info.inode}, path);
      if (!added) {
        archive::TarEntry link = entry_of(info, std::move(path), {});
        link.type = archive::EntryType::hardlink;
        link.link_target = first->second;
        return tar_->begin(link);
      }
    }
    stats_.disk_size += info.allocated;
    switch (info.type) {
      case os::FileType::file:
        return write_file(dir, name, info, std::move(path));
      case os::FileType::directory: {
        const os::Xattrs on_disk = TRY(dir.xattrs(name));
        archive::TarEntry entry = entry_of(info, path, image_xattrs(on_disk));
        entry.type = archive::EntryType::directory;
        TRY(tar_->begin(entry));
        const os::Dir sub = TRY(dir.open_dir(name));
        return write_contents(sub, path, form_ == Form::layer && is_opaque(on_disk));
      }
      default:
        return write_special(dir, name, info, std::move(path));
    }
  }

  Result<void> write_file(const os::Dir& dir, const std::string& name, const os::FileInfo& info,
                          std::string path) {
    const os::Fd fd = TRY(dir.open_for_reading(name));
    const os::Xattrs on_disk = TRY(os::file_xattrs(fd, path));
    archive::TarEntry entry = entry_of(info, std::move(path), image_xattrs(on_disk));
    if (const auto device = shadow_device(on_disk)) {
      entry.type = device->type;
      entry.device_major = device->major;
      entry.device_minor = device->minor;
      return tar_->begin(entry);
    }
    entry.size = info.size;
    stats_.content_size += info.size;
    TRY(tar_->begin(entry));
    if (info.size == 0) return {};
    archive::TarContentSink content(*tar_);
    return read_file_content(fd, info, entry.path, content);
  }

  Result<void> write_special(const os::Dir& dir, const std::string& name, const os::FileInfo& info,
                             std::string path) {
    const os::Xattrs on_disk = TRY(dir.xattrs(name));
    archive::TarEntry entry = entry_of(info, std::move(path), image_xattrs(on_disk));
    if (info.type == os::FileType::symlink) {
      entry.type = archive::EntryType::symlink;
      entry.link_target = TRY(dir.read_link(name));
    } else if (info.type == os::FileType::fifo) {
      entry.type = archive::EntryType::fifo;
    } else {
      entry.type = info.type == os::FileType::block_device ? archive::EntryType::block_device
                                                           : archive::EntryType::char_device;
      entry.device_major = info.rdev_major;
      entry.device_minor = info.rdev_minor;
    }
    return tar_->begin(entry);
  }

  archive::TarWriter* tar_;
  Form form_;
  TreeStats stats_;
  /// (device, inode) → the first path
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> links_;
};

}  // namespace

Result<void> read_file_content(const os::Fd& fd, const os::FileInfo& info, const std::string& name,
                               archive::ByteSink& sink) {
  thread_local std::vector<std::byte> buffer(kBlockSize);
  static constexpr std::array<std::byte, 65536> kZeros{};
  std::uint64_t at = 0;
  const auto zeros_until = [&](std::uint64_t end) -> Result<void> {
    while (at < end) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(end - at, kZeros.size()));
      TRY(sink.write(archive::Bytes(kZeros).first(n)));
      at += n;
    }
    return {};
  };
  const auto data = [&](std::uint64_t offset, std::uint64_t length) -> Result<void> {
    TRY(zeros_until(offset));
    while (length > 0) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
      const std::size_t n =
          TRY(os::read_at(fd, archive::MutableBytes(buffer).first(want), at, name));
      if (n == 0) return invalid_input(name + " became shorter while it was read");
      TRY(sink.write(archive::Bytes(buffer).first(n)));
      at += n;
      length -= n;
    }
    return {};
  };
  // Fewer blocks than bytes: there are holes.
  if (info.allocated < info.size) {
    TRY(os::for_each_data_range(fd, info.size, name, data));
  } else {
    TRY(data(0, info.size));
  }
  return zeros_until(info.size);
}

Result<TreeStats> write_tree_tar(const os::Dir& root, archive::ByteSink& sink) {
  CountingSink counted(sink);
  archive::TarWriter tar(counted);
  TreeStats stats = TRY(TreeWriter(tar, Form::layer).write(root));
  stats.tar_size = counted.size();
  return stats;
}

Result<void> append_plain_tree(const os::Dir& root, const std::string& prefix,
                               archive::TarWriter& tar) {
  return TreeWriter(tar, Form::plain).write_below(root, prefix);
}

Result<TreeDigest> digest_tree(const os::Dir& root, const std::stop_token& stop) {
  AsyncHashSink hash;
  archive::StoppableSink stoppable(hash, stop);
  const TreeStats stats = TRY(write_tree_tar(root, stoppable));
  return TreeDigest{oci::DiffId(hash.finish()), stats};
}

Result<void> limit_mtimes(const os::Dir& root, const MtimeLimit& limit) {
  const std::vector<os::DirEntry> entries = TRY(root.list());
  for (const auto& entry : entries) {
    const os::FileInfo info = TRY(root.stat(entry.name));
    if (info.type == os::FileType::directory) {
      const os::Dir sub = TRY(root.open_dir(entry.name));
      TRY(limit_mtimes(sub, limit));
    }
    if (limit.applies_to(info.mtime, info.mtime_nanoseconds))
      TRY(root.set_mtime(entry.name, limit.latest, 0));
  }
  return {};
}

}  // namespace kiln::snapshot
