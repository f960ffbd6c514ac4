// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_writer.h"

#include <algorithm>
#include <optional>

#include "archive/tar_writer.h"
#include "os/file_io.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/file_copies.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

Error cancelled() { return {ErrorKind::cancelled, "cancelled"}; }

bool is_zero(archive::Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; });
}

/// Above this size a file's own digest is made on a thread of its own.
constexpr std::uint64_t kLargeFile = std::uint64_t{4} << 20;

constexpr std::size_t kBlocks = 24;
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

/// Writes content to a file, to its own digest and to the layer's stream at once. Blocks of zeros
/// become holes where the source had them too.
class FileWriter final : public archive::ByteSink {
 public:
  FileWriter(const os::Fd& fd, const std::string& name, archive::TarWriter& tar,
             const os::FileInfo& source, const std::stop_token& stop)
      : fd_(&fd), name_(&name), tar_(&tar), sparse_(source.allocated < source.size), stop_(&stop) {
    if (source.size > kLargeFile) async_hash_.emplace();
  }
  Result<void> write(archive::Bytes data) override {
    if (stop_->stop_requested()) return cancelled();
    if (sparse_ && is_zero(data)) {
      hole_at_end_ = true;
    } else {
      TRY(os::write_at(*fd_, data, size_, *name_));
      hole_at_end_ = false;
    }
    size_ += data.size();
    if (async_hash_) {
      TRY(async_hash_->write(data));
    } else {
      hash_.update(data);
    }
    return tar_->write_content(data);
  }
  Result<Sha256Bytes> finish() {
    if (hole_at_end_) TRY(os::resize_file(*fd_, size_, *name_));
    return async_hash_ ? async_hash_->finish() : hash_.finish();
  }

 private:
  const os::Fd* fd_;
  const std::string* name_;
  archive::TarWriter* tar_;
  bool sparse_;
  const std::stop_token* stop_;
  bool hole_at_end_ = false;
  std::uint64_t size_ = 0;
  Sha256 hash_;
  std::optional<AsyncHashSink> async_hash_;
};

/// A directory of the layer, opened when something in it is needed.
class LazyDir {
 public:
  explicit LazyDir(const os::Dir& root) : root_(&root) {}
  LazyDir(LazyDir& parent, const std::string& name) : parent_(&parent), name_(&name) {}
  Result<const os::Dir*> open() {
    if (root_ != nullptr) return root_;
    if (!dir_) {
      const os::Dir* parent = TRY(parent_->open());
      dir_ = TRY(parent->open_dir(*name_));
    }
    return &dir_;
  }

 private:
  const os::Dir* root_ = nullptr;
  LazyDir* parent_ = nullptr;
  const std::string* name_ = nullptr;
  os::Dir dir_;
};

/// Times that every file system can hold (ext4's range), so that what is read back is what was
/// written.
constexpr std::int64_t kEarliest = -(std::int64_t{1} << 31);
constexpr std::int64_t kLatest = std::int64_t{15032385535};

archive::TarEntry entry_of(const PlannedInode& inode, const Metadata& metadata, std::string path) {
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

/// Directories first, then small files on several threads, and behind them, in the stream's order,
/// everything else and the stream itself.
class LayerWriter {
 public:
  LayerWriter(const os::Dir& fs, const LayerWriteOptions& options, const ContentSeen& seen)
      : fs_(&fs), options_(&options), seen_(&seen), tar_(hash_), copies_(fs, options.stop) {}

  Result<store::LayerInfo> write(const PlannedEntry& root) {
    const Metadata& metadata = root.inode->metadata;
    if (metadata.mode != 0755 || metadata.uid != 0 || metadata.gid != 0 ||
        !metadata.xattrs.empty()) {
      Metadata in_tar = metadata;
      in_tar.mtime = 0;
      TRY(tar_.begin(entry_of(*root.inode, in_tar, ".")));
    }
    TRY(prepare(root, *fs_, {}));
    TRY(copies_.start());
    LazyDir dir(*fs_);
    TRY(write_children(root, dir, {}));
    TRY(apply_metadata(*fs_, ".", false, clamp(metadata)));
    TRY(tar_.finish());
    info_.diff_id = oci::DiffId(hash_.finish());
    info_.tar_size = hash_.size();
    return info_;
  }

 private:
  Metadata clamp(Metadata metadata) const {
    metadata.mtime = std::clamp(metadata.mtime, kEarliest, kLatest);
    const auto& limit = options_->mtimes;
    if (limit && limit->applies_to(metadata.mtime, metadata.mtime_nanoseconds)) {
      metadata.mtime = limit->latest;
      metadata.mtime_nanoseconds = 0;
    }
    return metadata;
  }

  /// Makes the directories below `entry`, and plans the copies of files.
  Result<void> prepare(const PlannedEntry& entry, const os::Dir& dir, const std::string& prefix) {
    for (const auto& [name, child] : entry.children) {
      if (options_->stop.stop_requested()) return cancelled();
      if (child.whiteout) continue;
      const PlannedInode& inode = *child.inode;
      if (inode.type == archive::EntryType::directory) {
        TRY(dir.create_dir(name, 0700));
        if (child.children.empty() && !child.opaque) continue;
        const os::Dir sub = TRY(dir.open_dir(name));
        if (child.opaque) TRY(sub.set_xattr(".", kOpaqueXattr, "y"));
        TRY(prepare(child, sub, prefix + name + "/"));
      } else if (inode.type == archive::EntryType::file && inode.content.root != nullptr &&
                 !inode.content.take && inode.metadata.xattrs.empty()) {
        copies_.add(inode, clamp(inode.metadata), prefix + name);
      }
    }
    return {};
  }

  Result<void> write_children(const PlannedEntry& entry, LazyDir& dir, const std::string& prefix) {
    for (const auto& [name, child] : entry.children)
      TRY(write_entry(child, dir, name, prefix + name));
    return {};
  }

  Result<void> write_entry(const PlannedEntry& entry, LazyDir& lazy, const std::string& name,
                           const std::string& path) {
    if (options_->stop.stop_requested()) return cancelled();
    if (entry.whiteout) return write_whiteout(lazy, name, path);
    const PlannedInode& inode = *entry.inode;
    const Metadata metadata = clamp(inode.metadata);
    if (inode.type == archive::EntryType::directory)
      return write_directory(entry, metadata, lazy, name, path);
    if (entry.inode.use_count() > 1) {
      const auto first = linked_.find(&inode);
      if (first != linked_.end()) {
        const os::Dir* dir = TRY(lazy.open());
        return write_link(inode, metadata, first->second, *dir, name, path);
      }
      const os::Dir* dir = TRY(lazy.open());
      os::Dir again = TRY(dir->open_dir("."));
      linked_.emplace(&inode, Linked{path, std::move(again), name});
    }
    if (inode.type == archive::EntryType::file) {
      auto copy = TRY(copies_.take(inode));
      if (copy) return write_copied(inode, metadata, *copy, path);
      const os::Dir* dir = TRY(lazy.open());
      return write_file(inode, metadata, *dir, name, path);
    }
    const os::Dir* dir = TRY(lazy.open());
    TRY(tar_.begin(entry_of(inode, metadata, path)));
    switch (inode.type) {
      case archive::EntryType::symlink:
        TRY(dir->create_symlink(name, inode.link_target));
        break;
      case archive::EntryType::fifo:
        TRY(dir->create_fifo(name, 0600));
        break;
      default:
        TRY(create_device(*dir, name, inode.type, inode.device_major, inode.device_minor));
    }
    return apply_metadata(*dir, name, inode.type == archive::EntryType::symlink, metadata);
  }

  Result<void> write_whiteout(LazyDir& lazy, const std::string& name, const std::string& path) {
    archive::TarEntry mark;
    mark.path = path.substr(0, path.size() - name.size()) + std::string(kWhiteoutPrefix) + name;
    TRY(tar_.begin(mark));
    const os::Dir* dir = TRY(lazy.open());
    return dir->create_whiteout(name);
  }

  Result<void> write_directory(const PlannedEntry& entry, const Metadata& metadata, LazyDir& parent,
                               const std::string& name, const std::string& path) {
    TRY(tar_.begin(entry_of(*entry.inode, metadata, path)));
    if (entry.opaque) {
      archive::TarEntry mark;
      mark.path = path + "/" + std::string(kOpaqueName);
      TRY(tar_.begin(mark));
    }
    LazyDir dir(parent, name);
    TRY(write_children(entry, dir, path + "/"));
    // Only now: nothing is made in it any more, so its mtime stays.
    const os::Dir* open_parent = TRY(parent.open());
    // How much a directory takes differs from one file system to the next.
    const os::FileInfo made = TRY(open_parent->stat(name));
    info_.disk_size += made.allocated;
    return apply_metadata(*open_parent, name, false, metadata);
  }

  /// The first name of a hard-linked file.
  struct Linked {
    std::string path;
    os::Dir dir;
    std::string name;
  };
  Result<void> write_link(const PlannedInode& inode, const Metadata& metadata, const Linked& first,
                          const os::Dir& dir, const std::string& name, const std::string& path) {
    archive::TarEntry link = entry_of(inode, metadata, path);
    link.type = archive::EntryType::hardlink;
    link.link_target = first.path;
    link.xattrs.clear();
    link.device_major = link.device_minor = 0;
    TRY(tar_.begin(link));
    return dir.create_hardlink(name, first.dir, first.name);
  }

  /// A file that is in the layer already: what the stream gets of it.
  Result<void> write_copied(const PlannedInode& inode, const Metadata& metadata,
                            const FileCopy& copy, const std::string& path) {
    archive::TarEntry entry = entry_of(inode, metadata, path);
    entry.size = copy.info.size;
    TRY(tar_.begin(entry));
    TRY(tar_.write_content(copy.bytes));
    count_copy(inode, copy.info, copy.digest);
    info_.content_size += entry.size;
    return {};
  }

  void count_copy(const PlannedInode& inode, const os::FileInfo& source,
                  const Sha256Bytes& digest) {
    info_.disk_size += std::min(source.allocated, (source.size + 4095) / 4096 * 4096);
    if (inode.tag != kNoTag) (*seen_)(inode.tag, source, digest);
  }

  Result<void> write_file(const PlannedInode& inode, const Metadata& metadata, const os::Dir& dir,
                          const std::string& name, const std::string& path) {
    archive::TarEntry entry = entry_of(inode, metadata, path);
    if (inode.content.root == nullptr) {
      const std::string& text = inode.content.inline_text;
      entry.size = text.size();
      TRY(tar_.add(entry, text));
      const os::Fd out = TRY(dir.create_file(name, 0600));
      TRY(os::write_all(out, text, path));
    } else if (inode.content.take) {
      TRY(take_file(inode, entry, dir, name, path));
    } else {
      TRY(copy_file(inode, entry, dir, name, path));
    }
    info_.content_size += entry.size;
    return apply_metadata(dir, name, false, metadata);
  }

  Result<void> take_file(const PlannedInode& inode, archive::TarEntry& entry, const os::Dir& dir,
                         const std::string& name, const std::string& path) {
    const os::Dir from = TRY(inode.content.root->open_dir_beneath(inode.content.path.parent()));
    TRY(from.rename(inode.content.path.name(), dir, name));
    const os::Xattrs had = TRY(dir.xattrs(name));
    for (const auto& [key, value] : had) {
      if (!inode.metadata.xattrs.contains(key)) TRY(dir.remove_xattr(name, key));
    }
    const os::Fd in = TRY(dir.open_for_reading(name));
    const os::FileInfo info = TRY(os::file_info(in, path));
    entry.size = info.size;
    info_.disk_size += info.allocated;
    TRY(tar_.begin(entry));
    archive::TarContentSink content(tar_);
    return read_file_content(in, info, path, content);
  }

  Result<void> copy_file(const PlannedInode& inode, archive::TarEntry& entry, const os::Dir& dir,
                         const std::string& name, const std::string& path) {
    const os::Fd in = TRY(inode.content.root->open_file_beneath(inode.content.path));
    const os::FileInfo info = TRY(os::file_info(in, path));
    entry.size = info.size;
    TRY(tar_.begin(entry));
    const os::Fd out = TRY(dir.create_file(name, 0600));
    if (info.size > kLargeFile && info.allocated >= info.size) {
      const Sha256Bytes digest = TRY(copy_large_file(in, out, info.size, path));
      count_copy(inode, info, digest);
      return {};
    }
    FileWriter writer(out, path, tar_, info, options_->stop);
    TRY(read_file_content(in, info, path, writer));
    const Sha256Bytes digest = TRY(writer.finish());
    count_copy(inode, info, digest);
    return {};
  }

  /// Its own digest, the layer's and the copy are made side by side, from the same blocks.
  Result<Sha256Bytes> copy_large_file(const os::Fd& in, const os::Fd& out, std::uint64_t size,
                                      const std::string& path) {
    AsyncHashSink digest;
    for (std::uint64_t at = 0; at < size;) {
      if (options_->stop.stop_requested()) return cancelled();
      std::shared_ptr<Block> block = blocks_.take();
      block->resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(size - at, blocks_.block_size())));
      const std::size_t n = TRY(os::read_at(in, *block, at, path));
      if (n == 0) return invalid_input(path + " became shorter while it was read");
      block->resize(n);
      hash_.write_block(block);
      digest.write_block(block);
      TRY(os::write_at(out, *block, at, path));
      TRY(tar_.content_passed(n));
      at += n;
    }
    return digest.finish();
  }

  const os::Dir* fs_;
  const LayerWriteOptions* options_;
  const ContentSeen* seen_;
  BlockPool blocks_{kBlocks, kBlockBytes};
  AsyncHashSink hash_;
  archive::TarWriter tar_;
  FileCopies copies_;
  store::LayerInfo info_;
  std::map<const PlannedInode*, Linked> linked_;
};

}  // namespace

Result<store::LayerInfo> write_layer(const PlannedEntry& root, const LayerWriteOptions& options,
                                     const store::LayerIngest& ingest, const ContentSeen& seen) {
  return LayerWriter(ingest.fs(), options, seen).write(root);
}

}  // namespace kiln::snapshot
