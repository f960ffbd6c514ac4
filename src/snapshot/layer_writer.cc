// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_writer.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "archive/tar_writer.h"
#include "os/file_io.h"
#include "os/read_ahead.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/block_size.h"
#include "snapshot/file_copies.h"
#include "snapshot/plan_stream.h"
#include "snapshot/planned_directories.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

/// Above this size a file's own digest is made on a thread of its own.
constexpr std::uint64_t kLargeFile = std::uint64_t{4} << 20;

/// Layers with fewer files are quickly made anew.
constexpr std::size_t kListedFiles = 64;
/// Bytes of the stream from one mark to the next.
constexpr std::uint64_t kMarkDistance = std::uint64_t{1} << 20;
constexpr std::size_t kStreamBlocks = 24;

/// What a file without holes takes on most file systems.
constexpr std::uint64_t in_whole_pages(std::uint64_t size) { return (size + 4095) / 4096 * 4096; }

/// Writes content to a file, to its own digest and to the layer's stream at once. Blocks of zeros
/// become holes where the source had them too.
class FileWriter final : public archive::ByteSink {
 public:
  /// `tar` may be null.
  FileWriter(const os::Fd& fd, const std::string& name, archive::TarWriter* tar,
             const os::FileInfo& source, const std::stop_token& stop)
      : fd_(&fd), name_(&name), tar_(tar), sparse_(source.allocated < source.size), stop_(&stop) {
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
    if (tar_ == nullptr) return {};
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

/// Directories first, then small files, on several threads, and behind them, in the stream's order,
/// everything else and the stream itself. Of the stream what an earlier layer's began with as well
/// is not read again: its digest goes on from there.
class LayerWriter {
 public:
  LayerWriter(const store::LayerIngest& ingest, const LayerWriteOptions& options,
              const ContentSeen& seen, const EarlierLayer* earlier)
      : ingest_(&ingest),
        fs_(&ingest.fs()),
        options_(&options),
        seen_(&seen),
        earlier_(earlier),
        tar_(hash_),
        copies_(*fs_, earlier == nullptr ? nullptr : &earlier->fs, options.mtimes, options.stop) {}

  Result<store::LayerInfo> write(const PlannedEntry& root) {
    const Metadata& metadata = root.inode->metadata;
    count_files(root);
    if (files_ >= kListedFiles) own_ = TRY(owner_of_new_files(*fs_));
    TRY(prepare(root));
    copies_.start(own_);
    if (names_root(metadata)) {
      Metadata in_tar = metadata;
      in_tar.mtime = 0;
      TRY(begin(planned_entry(*root.inode, in_tar, ".")));
    }
    LazyDir dir(*fs_);
    TRY(write_children(root, dir, {}));
    TRY(apply_metadata(*fs_, ".", false, clamp(metadata)));
    if (files_ >= kListedFiles) hash_.mark(entries_);
    TRY(tar_.finish());
    info_.diff_id = oci::DiffId(hash_.finish());
    info_.tar_size = hash_.size();
    conclude_large_files();
    if (is_stale_) {
      // A file that changed after it was looked at: the beginning that was taken over is not ours.
      const TreeDigest tree = TRY(digest_tree(*fs_));
      info_.diff_id = tree.diff_id;
      info_.tar_size = tree.stats.tar_size;
    }
    if (files_ >= kListedFiles) TRY(write_contents(root));
    return info_;
  }

 private:
  Metadata clamp(const Metadata& metadata) const { return clamped(metadata, options_->mtimes); }

  /// Counts the files.
  void count_files(const PlannedEntry& entry) {
    for (const auto& [name, child] : entry.children) {
      if (child.whiteout) continue;
      if (child.inode->type == archive::EntryType::directory) count_files(child);
      if (child.inode->type == archive::EntryType::file) ++files_;
    }
  }

  /// Makes the directories; the copies are planned meanwhile.
  Result<void> prepare(const PlannedEntry& root) {
    Result<void> made;
    {
      const auto make = [&] {
        made = make_directories(
            *fs_, root, [this](const PlannedEntry& entry) { return mode_at_creation(entry); },
            options_->stop);
      };
      std::jthread maker;
      if (files_ < kListedFiles) {
        make();
      } else {
        maker = std::jthread(make);
      }
      go_on_from_earlier(root);
      plan_copies(root);
    }
    return made;
  }
  /// Of a directory, which has to stay open to who fills it.
  std::uint32_t mode_at_creation(const PlannedEntry& entry) const {
    const std::uint32_t mode = entry.inode->metadata.mode;
    return own_ && (mode & kSpecialBits) == 0 ? mode | 0700 : 0700;
  }

  void go_on_from_earlier(const PlannedEntry& root) {
    if (earlier_ == nullptr) return;
    const auto mark = common_beginning(root, options_->mtimes, earlier_->contents);
    if (!mark) return;
    same_entries_ = mark->entries;
    last_mark_ = mark->hash.size;
    hash_.resume(mark->hash);
    for (const StreamMark& known : earlier_->contents.marks) {
      if (known.entries <= same_entries_) marks_.push_back({known.entries, known.hash});
    }
  }

  void plan_copies(const PlannedEntry& root) {
    std::optional<ListedFiles> listed;
    if (earlier_ != nullptr) listed.emplace(earlier_->contents);
    std::uint64_t number = 0;
    visit_stream(root, [&](const StreamEntry& entry) {
      const bool needs_bytes = number++ >= same_entries_;
      const PlannedInode& inode = entry.inode;
      if (entry.kind != StreamEntry::Kind::inode || inode.type != archive::EntryType::file ||
          inode.content.root == nullptr || inode.content.take || !inode.metadata.xattrs.empty())
        return true;
      CopyOrder order{&inode, os::RelPath::clean(entry.path), false, needs_bytes};
      const ListedFile* there = listed ? listed->find(entry.path) : nullptr;
      order.is_in_earlier = there != nullptr && is_listed_as(entry, options_->mtimes, *there);
      copies_.add(std::move(order));
      return true;
    });
  }

  /// Goes on to the next entry; false if it is one that the earlier stream had too.
  bool next_entry() {
    skips_ = entries_ < same_entries_;
    if (!skips_ && files_ >= kListedFiles && hash_.size() >= last_mark_ + kMarkDistance) {
      hash_.mark(entries_);
      last_mark_ = hash_.size();
    }
    ++entries_;
    return !skips_;
  }
  Result<void> begin(const archive::TarEntry& entry) {
    if (!next_entry()) return {};
    return tar_.begin(entry);
  }
  Result<void> begin(const PlannedInode& inode, const Metadata& metadata, const std::string& path,
                     std::uint64_t size = 0) {
    if (!next_entry()) return {};
    archive::TarEntry entry = planned_entry(inode, metadata, path);
    entry.size = size;
    return tar_.begin(entry);
  }
  Result<void> write_content(archive::Bytes data) {
    if (skips_) return {};
    return tar_.write_content(data);
  }

  Result<void> write_contents(const PlannedEntry& root) {
    if (is_stale_) {
      marks_.clear();
    } else {
      marks_.insert(marks_.end(), hash_.marks().begin(), hash_.marks().end());
    }
    const LayerContents contents = contents_of(root, options_->mtimes, marks_);
    const std::string text = contents.encode();
    TRY(os::write_file_atomically(ingest_->contents_path(), text, 0600));
    info_.disk_size += in_whole_pages(text.size());
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
    PlannedInode& inode = *entry.inode;
    const Metadata metadata = clamp(inode.metadata);
    if (inode.type == archive::EntryType::directory)
      return write_directory(entry, metadata, lazy, name, path);
    if (entry.inode.use_count() > 1) {
      const os::Dir* dir = TRY(lazy.open());
      const auto first = linked_.find(&inode);
      if (first != linked_.end())
        return write_link(inode, metadata, first->second, *dir, name, path);
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
    TRY(begin(inode, metadata, path));
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
    mark.path = whiteout_path(path);
    TRY(begin(mark));
    const os::Dir* dir = TRY(lazy.open());
    return dir->create_whiteout(name);
  }

  Result<void> write_directory(const PlannedEntry& entry, const Metadata& metadata, LazyDir& parent,
                               const std::string& name, const std::string& path) {
    TRY(begin(*entry.inode, metadata, path));
    if (entry.opaque) {
      archive::TarEntry mark;
      mark.path = opaque_mark_path(path);
      TRY(begin(mark));
    }
    LazyDir dir(parent, name);
    TRY(write_children(entry, dir, path + "/"));
    // Only now: nothing is made in it any more, so its mtime stays.
    const os::Dir* open_parent = TRY(parent.open());
    // How much a directory takes differs from one file system to the next.
    const os::FileInfo made = TRY(open_parent->stat(name));
    info_.disk_size += made.allocated;
    const bool is_done = own_ == OwnerIds(metadata.uid, metadata.gid) && metadata.xattrs.empty() &&
                         mode_at_creation(entry) == metadata.mode;
    if (is_done) return open_parent->set_mtime(name, metadata.mtime, metadata.mtime_nanoseconds);
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
    archive::TarEntry link = planned_entry(inode, metadata, path);
    link.type = archive::EntryType::hardlink;
    link.link_target = first.path;
    link.xattrs.clear();
    link.device_major = link.device_minor = 0;
    TRY(begin(link));
    return dir.create_hardlink(name, first.dir, first.name);
  }

  /// A file that is in the layer already: what the stream gets of it.
  Result<void> write_copied(PlannedInode& inode, const Metadata& metadata, const FileCopy& copy,
                            const std::string& path) {
    TRY(begin(inode, metadata, path, copy.info.size));
    info_.content_size += copy.info.size;
    if (!copy.linked) {
      TRY(write_content(copy.bytes));
      count_copy(inode, copy.info, copy.digest, skips_);
      return {};
    }
    info_.linked_from = earlier_->id;
    if (skips_ || copy.bytes.size() == copy.info.size) return write_content(copy.bytes);
    const os::Fd in = TRY(fs_->open_file_beneath(os::RelPath::clean(path)));
    const os::FileInfo info = TRY(os::file_info(in, path));
    archive::TarContentSink content(tar_);
    return read_file_content(in, info, path, content);
  }

  void count_copy(PlannedInode& inode, const os::FileInfo& source, const Sha256Bytes& digest,
                  bool was_skipped) {
    info_.disk_size += std::min(source.allocated, in_whole_pages(source.size));
    const KnownContent content{digest, source.size};
    if (was_skipped && inode.content.known != content) is_stale_ = true;
    inode.content.known = content;
    if (inode.tag != kNoTag) (*seen_)(inode.tag, source, digest);
  }

  Result<void> write_file(PlannedInode& inode, const Metadata& metadata, const os::Dir& dir,
                          const std::string& name, const std::string& path) {
    archive::TarEntry entry = planned_entry(inode, metadata, path);
    if (inode.content.root == nullptr) {
      const std::string& text = inode.content.inline_text;
      entry.size = text.size();
      TRY(begin(entry));
      TRY(write_content(archive::as_bytes(text)));
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
    TRY(begin(entry));
    archive::TarContentSink content(tar_);
    return read_file_content(in, info, path, content);
  }

  Result<void> copy_file(PlannedInode& inode, archive::TarEntry& entry, const os::Dir& dir,
                         const std::string& name, const std::string& path) {
    const os::Fd in = TRY(inode.content.root->open_file_beneath(inode.content.path));
    const os::FileInfo info = TRY(os::file_info(in, path));
    entry.size = info.size;
    TRY(begin(entry));
    const os::Fd out = TRY(dir.create_file(name, 0600));
    if (info.size > kLargeFile && info.allocated >= info.size) {
      large_.push_back({&inode, info, {}, skips_});
      return copy_large_file(in, out, info.size, path);
    }
    FileWriter writer(out, path, skips_ ? nullptr : &tar_, info, options_->stop);
    TRY(read_file_content(in, info, path, writer));
    const Sha256Bytes digest = TRY(writer.finish());
    count_copy(inode, info, digest, skips_);
    return {};
  }

  /// A large file, whose own digest the hashing thread makes beside the stream's.
  struct LargeFile {
    PlannedInode* inode;
    os::FileInfo source;
    Sha256 digest;
    bool was_skipped;
  };
  Result<void> copy_large_file(const os::Fd& in, const os::Fd& out, std::uint64_t size,
                               const std::string& path) {
    Sha256& digest = large_.back().digest;
    os::ReadAhead ahead(in, size);
    for (std::uint64_t at = 0; at < size;) {
      if (options_->stop.stop_requested()) return cancelled();
      const std::shared_ptr<archive::Block> block = blocks_.take();
      block->resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(size - at, blocks_.block_size())));
      ahead.reach(at);
      const std::size_t n = TRY(os::read_at(in, *block, at, path));
      if (n == 0) return invalid_input(path + " became shorter while it was read");
      block->resize(n);
      if (skips_) {
        hash_.hash_shared(archive::shared(block), digest);
      } else {
        hash_.write_shared(archive::shared(block), &digest);
        TRY(tar_.content_passed(n));
      }
      TRY(os::write_at(out, *block, at, path));
      at += n;
    }
    return {};
  }
  /// The hashing thread has ended.
  void conclude_large_files() {
    for (LargeFile& file : large_)
      count_copy(*file.inode, file.source, file.digest.finish(), file.was_skipped);
  }

  const store::LayerIngest* ingest_;
  const os::Dir* fs_;
  const LayerWriteOptions* options_;
  const ContentSeen* seen_;
  const EarlierLayer* earlier_;
  std::size_t files_ = 0;
  std::optional<OwnerIds> own_;
  std::uint64_t same_entries_ = 0;  ///< with which the earlier stream began too
  std::uint64_t entries_ = 0;       ///< so far
  bool skips_ = false;              ///< whether the present one is among the same
  bool is_stale_ = false;
  std::vector<HashMark> marks_;  ///< of the earlier stream
  std::uint64_t last_mark_ = 0;
  std::deque<LargeFile> large_;  ///< a deque: they keep their address
  archive::BlockPool blocks_{kStreamBlocks, kBlockSize};
  AsyncHashSink hash_;
  archive::TarWriter tar_;
  FileCopies copies_;
  store::LayerInfo info_;
  std::map<const PlannedInode*, Linked> linked_;
};

}  // namespace

Result<store::LayerInfo> write_layer(const PlannedEntry& root, const LayerWriteOptions& options,
                                     const store::LayerIngest& ingest, const ContentSeen& seen,
                                     const EarlierLayer* earlier) {
  return LayerWriter(ingest, options, seen, earlier).write(root);
}

}  // namespace kiln::snapshot
