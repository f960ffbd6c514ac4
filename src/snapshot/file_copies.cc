// SPDX-License-Identifier: Apache-2.0
#include "snapshot/file_copies.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/file_io.h"
#include "os/parallel.h"
#include "os/system.h"

namespace kiln::snapshot {
namespace {

constexpr std::size_t kBatch = 16;
/// Batches between the reader and the last one that is copied: with kBatch and kSmallFile, at most
/// 32 MiB of content.
constexpr std::size_t kAhead = 16;
/// Threads cost more than they save on fewer files.
constexpr std::size_t kFilesForThreads = 64;
/// What chown and setuid bits need to be set after the content.
constexpr std::uint32_t kSpecialBits = 07000;
constexpr std::string_view kProbe = ".kiln-probe";

/// Whether a new file in `fs` has this process's owner and the mode that was asked for: not so with
/// a default ACL, a setgid directory or a mount option that gives files away.
Result<bool> is_plain_directory(const os::Dir& fs) {
  {
    const os::Fd probe = TRY(fs.create_file(kProbe, 0777));
  }
  const os::FileInfo info = TRY(fs.stat(kProbe));
  TRY(fs.remove_file(kProbe));
  return info.permissions == 0777 && info.uid == os::effective_uid() &&
         info.gid == os::effective_gid();
}

Result<std::vector<std::byte>> read_bytes(const os::Fd& fd, std::uint64_t size,
                                          const std::string& name) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = TRY(os::read_at(fd, std::span(bytes).subspan(at), at, name));
    if (n == 0) return invalid_input(name + " became shorter while it was read");
    at += n;
  }
  return bytes;
}

}  // namespace

FileCopies::FileCopies(const os::Dir& fs, const os::Dir* earlier, std::stop_token stop)
    : fs_(&fs), earlier_(earlier), stop_(std::move(stop)) {}

FileCopies::~FileCopies() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void FileCopies::add(CopyOrder order) {
  if (batches_.empty() || batches_.back().items.size() == kBatch)
    batches_.emplace_back().items.reserve(kBatch);
  auto& items = batches_.back().items;
  places_.emplace(order.inode, std::pair(batches_.size() - 1, items.size()));
  os::RelPath path = os::RelPath::clean(order.path);
  items.push_back({std::move(order), std::move(path)});
}

Result<void> FileCopies::start() {
  if (places_.size() < kFilesForThreads) {
    places_.clear();
    return {};
  }
  const bool plain = TRY(is_plain_directory(*fs_));
  if (plain) own_ = {os::effective_uid(), os::effective_gid()};
  for (unsigned i = 0; i < os::worker_count(); ++i) threads_.emplace_back([this] { work(); });
  return {};
}

Result<std::optional<FileCopy>> FileCopies::take(const PlannedInode& inode) {
  const auto place = places_.find(&inode);
  if (place == places_.end()) return std::optional<FileCopy>();
  Batch& batch = batches_[place->second.first];
  {
    std::unique_lock lock(mutex_);
    if (taken_ != place->second.first) {
      taken_ = place->second.first;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return batch.done; });
  }
  if (batch.failure) return *std::exchange(batch.failure, std::nullopt);
  return std::exchange(batch.items[place->second.second].copy, std::nullopt);
}

void FileCopies::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return ended_ || next_ == batches_.size() || next_ <= taken_ + kAhead; });
    if (ended_ || next_ == batches_.size()) return;
    Batch& batch = batches_[next_++];
    lock.unlock();
    for (Item& item : batch.items) {
      auto provided = provide(item);
      if (provided) continue;
      batch.failure = std::move(provided).error();
      break;
    }
    lock.lock();
    batch.done = true;
    lock.unlock();
    changed_.notify_all();
  }
}

Result<void> FileCopies::provide(Item& item) const {
  if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "cancelled");
  if (!item.order.is_in_earlier || !link(item)) return copy(item);
  FileCopy linked;
  linked.linked = true;
  linked.info.size = item.order.inode->content.known->size;
  linked.digest = item.order.inode->content.known->digest;
  if (item.order.needs_bytes && linked.info.size <= kSmallFile) {
    const os::Fd in = TRY(fs_->open_file_beneath(item.path));
    linked.bytes = TRY(read_bytes(in, linked.info.size, item.path.str()));
  }
  item.copy = std::move(linked);
  return {};
}

/// Whether it could be linked: not from another file system, nor a file with too many links.
bool FileCopies::link(const Item& item) const {
  return fs_->create_hardlink_beneath(item.path, *earlier_, item.path).ok();
}

Result<void> FileCopies::copy(Item& item) const {
  const FileContent& source = item.order.inode->content;
  const os::Fd in = TRY(source.root->open_file_beneath(source.path));
  const std::string& name = item.path.str();
  FileCopy copy;
  copy.info = TRY(os::file_info(in, name));
  if (copy.info.size > kSmallFile || copy.info.allocated < copy.info.size) return {};
  copy.bytes = TRY(read_bytes(in, copy.info.size, name));
  Sha256 hash;
  hash.update(copy.bytes);
  copy.digest = hash.finish();

  const Metadata& metadata = item.order.metadata;
  const bool mode_is_set = own_ && (metadata.mode & kSpecialBits) == 0;
  const os::Fd out = TRY(fs_->create_file_beneath(item.path, mode_is_set ? metadata.mode : 0600));
  if (!copy.bytes.empty()) TRY(os::write_at(out, copy.bytes, 0, name));
  if (own_ != std::pair(metadata.uid, metadata.gid))
    TRY(os::set_file_owner(out, metadata.uid, metadata.gid, name).context([&] {
      return fmt::format("give {} to {}:{}", name, metadata.uid, metadata.gid);
    }));
  if (!mode_is_set) TRY(os::set_file_mode(out, metadata.mode, name));
  TRY(os::set_file_mtime(out, metadata.mtime, metadata.mtime_nanoseconds, name));
  item.copy = std::move(copy);
  return {};
}

}  // namespace kiln::snapshot
