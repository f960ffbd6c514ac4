// SPDX-License-Identifier: Apache-2.0
#include "snapshot/file_copies.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/file_io.h"
#include "os/parallel.h"
#include "os/system.h"
#include "snapshot/plan_stream.h"

namespace kiln::snapshot {
namespace {

constexpr std::size_t kBatch = 32;
/// Batches between the reader and the last one that is copied: with kBatch and kSmallFile, at most
/// 32 MiB of content.
constexpr std::size_t kAhead = 7;
/// Threads cost more than they save on fewer files.
constexpr std::size_t kFilesForThreads = 64;
constexpr std::size_t kFirstSpace = std::size_t{256} << 10;
constexpr std::string_view kProbe = ".kiln-probe";

Result<void> read_bytes(const os::Fd& fd, std::span<std::byte> bytes, const std::string& name) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = TRY(os::read_at(fd, bytes.subspan(at), at, name));
    if (n == 0) return invalid_input(name + " became shorter while it was read");
    at += n;
  }
  return {};
}

}  // namespace

Result<std::optional<OwnerIds>> owner_of_new_files(const os::Dir& fs) {
  {
    const os::Fd probe = TRY(fs.create_file(kProbe, 0777));
  }
  const os::FileInfo info = TRY(fs.stat(kProbe));
  TRY(fs.remove_file(kProbe));
  const OwnerIds own{os::effective_uid(), os::effective_gid()};
  if (info.permissions != 0777 || OwnerIds(info.uid, info.gid) != own)
    return std::optional<OwnerIds>();
  return std::optional(own);
}

FileCopies::FileCopies(const os::Dir& fs, const os::Dir* earlier, std::optional<MtimeLimit> mtimes,
                       std::stop_token stop)
    : fs_(&fs), earlier_(earlier), mtimes_(mtimes), stop_(std::move(stop)) {}

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
  batches_.back().items.push_back({std::move(order)});
}

void FileCopies::start(std::optional<OwnerIds> own) {
  own_ = own;
  if (batches_.size() * kBatch <= kFilesForThreads) {
    batches_.clear();
    return;
  }
  for (unsigned i = 0; i < os::worker_count(); ++i) threads_.emplace_back([this] { work(); });
}

/// Waits until it is done; the one before it is done with.
void FileCopies::begin_batch(std::size_t index) {
  Space before;
  if (index > 0) before = std::move(batches_[index - 1].space);
  std::unique_lock lock(mutex_);
  if (!before.empty()) free_.push_back(std::move(before));
  taken_ = index;
  changed_.notify_all();
  changed_.wait(lock, [&] { return batches_[index].done; });
}

Result<std::optional<FileCopy>> FileCopies::take(const PlannedInode& inode) {
  const std::size_t index = asked_ / kBatch, place = asked_ % kBatch;
  if (index >= batches_.size() || place >= batches_[index].items.size() ||
      batches_[index].items[place].order.inode != &inode)
    return std::optional<FileCopy>();
  ++asked_;
  if (place == 0) begin_batch(index);
  Batch& batch = batches_[index];
  if (batch.failure) return *std::exchange(batch.failure, std::nullopt);
  Item& item = batch.items[place];
  if (item.copy) item.copy->bytes = std::span(batch.space).subspan(item.at, item.size);
  return std::exchange(item.copy, std::nullopt);
}

void FileCopies::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return ended_ || next_ == batches_.size() || next_ <= taken_ + kAhead; });
    if (ended_ || next_ == batches_.size()) return;
    Batch& batch = batches_[next_++];
    if (!free_.empty()) {
      batch.space = std::move(free_.back());
      free_.pop_back();
    }
    lock.unlock();
    for (Item& item : batch.items) {
      auto provided = provide(batch, item);
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

Result<void> FileCopies::provide(Batch& batch, Item& item) const {
  if (stop_.stop_requested()) return cancelled();
  if (!item.order.is_in_earlier || !link(item)) return copy(batch, item);
  FileCopy linked;
  linked.linked = true;
  linked.info.size = item.order.inode->content.known->size;
  linked.digest = item.order.inode->content.known->digest;
  if (item.order.needs_bytes && linked.info.size <= kSmallFile) {
    const os::Fd in = TRY(fs_->open_file_beneath(item.order.path));
    TRY(read_bytes(in, make_room(batch, item, linked.info.size), item.order.path.str()));
  }
  item.copy = std::move(linked);
  return {};
}

/// Room for its bytes, until the next item asks for some.
std::span<std::byte> FileCopies::make_room(Batch& batch, Item& item, std::uint64_t size) {
  item.at = batch.used;
  item.size = static_cast<std::size_t>(size);
  batch.used += item.size;
  // Never less again: what is resized is zeroed.
  if (batch.space.size() < batch.used)
    batch.space.resize(std::max({batch.used, 2 * batch.space.size(), kFirstSpace}));
  return std::span(batch.space).subspan(item.at, item.size);
}

/// Whether it could be linked: not from another file system, nor a file with too many links.
bool FileCopies::link(const Item& item) const {
  return fs_->create_hardlink_beneath(item.order.path, *earlier_, item.order.path).ok();
}

Result<void> FileCopies::copy(Batch& batch, Item& item) const {
  const FileContent& source = item.order.inode->content;
  const os::Fd in = TRY(source.root->open_file_beneath(source.path));
  const std::string& name = item.order.path.str();
  FileCopy copy;
  copy.info = TRY(os::file_info(in, name));
  if (copy.info.size > kSmallFile || copy.info.allocated < copy.info.size) return {};
  const std::span<std::byte> bytes = make_room(batch, item, copy.info.size);
  TRY(read_bytes(in, bytes, name));
  Sha256 hash;
  hash.update(bytes);
  copy.digest = hash.finish();

  const Metadata& metadata = item.order.inode->metadata;
  const TimePoint mtime = clamped_mtime(metadata, mtimes_);
  const bool mode_is_set = own_ && (metadata.mode & kSpecialBits) == 0;
  const os::Fd out =
      TRY(fs_->create_file_beneath(item.order.path, mode_is_set ? metadata.mode : 0600));
  if (!bytes.empty()) TRY(os::write_at(out, bytes, 0, name));
  if (own_ != std::pair(metadata.uid, metadata.gid))
    TRY(os::set_file_owner(out, metadata.uid, metadata.gid, name).context([&] {
      return fmt::format("give {} to {}:{}", name, metadata.uid, metadata.gid);
    }));
  if (!mode_is_set) TRY(os::set_file_mode(out, metadata.mode, name));
  TRY(os::set_file_mtime(out, mtime.seconds, mtime.nanoseconds, name));
  item.copy = std::move(copy);
  return {};
}

}  // namespace kiln::snapshot
