// SPDX-License-Identifier: Apache-2.0
#include "store/content_store.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "archive/fd_stream.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::store {
namespace {
constexpr std::size_t kCopySize = std::size_t{256} << 10;
constexpr std::string_view kLockSuffix = ".lock";
}  // namespace

Ingest::Ingest(Ingest&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      paths_(std::move(other.paths_)),
      hash_(std::move(other.hash_)),
      size_(other.size_),
      earlier_(other.earlier_),
      lock_(std::exchange(other.lock_, std::nullopt)),
      lasting_(other.lasting_) {}

Ingest::~Ingest() {
  if (path_.empty()) return;
  if (!lasting_ || std::max(size_, earlier_) == 0) os::remove_file(path_);
  if (lock_) lock_->remove();
}

Result<void> Ingest::write(archive::Bytes data) {
  hash_.update(data);
  const std::uint64_t there = earlier_ - std::min(earlier_, size_);
  size_ += data.size();
  if (data.size() <= there) return {};
  return os::write_all(fd_, data.subspan(static_cast<std::size_t>(there)), path_);
}

Result<void> Ingest::copy_earlier(archive::ByteSink& sink) const {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kCopySize);
  for (std::uint64_t at = 0; at < earlier_;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(earlier_ - at, kCopySize));
    const std::size_t n = TRY(os::read_at(fd_, {buffer.get(), want}, at, path_));
    if (n == 0) return corrupt(path_ + " became shorter");
    TRY(sink.write({buffer.get(), n}));
    at += n;
  }
  return {};
}

Result<oci::Digest> Ingest::commit() {
  oci::Digest digest(hash_.finish());
  TRY(publish(digest));
  return digest;
}

Result<void> Ingest::commit_as(const oci::Digest& expected) {
  const oci::Digest digest(hash_.finish());
  if (digest != expected)
    return corrupt("blob " + expected.str() + ": its content has the digest " + digest.str());
  return publish(digest);
}

Result<void> Ingest::publish(const oci::Digest& digest) {
  TRY(os::sync_file(fd_, path_));
  TRY(os::rename_file(path_, paths_.blob(digest)));
  path_.clear();
  if (lock_) lock_->remove();
  return {};
}

Result<Ingest> ContentStore::create() {
  std::string path = workspace_->new_path();
  os::Fd fd = TRY(os::create_file(path));
  return Ingest(std::move(fd), std::move(path), paths_);
}

Result<Ingest> ContentStore::resume(const oci::Descriptor& blob) {
  TRY(os::ensure_directory(paths_.partial(), 0700));
  std::string path = paths_.partial_blob(blob.digest);
  auto lock = TRY(
      os::FileLock::try_acquire(path + std::string(kLockSuffix), os::FileLock::Mode::exclusive));
  if (!lock) return create();
  os::Fd fd = TRY(os::open_for_appending(path, 0600));
  const os::FileInfo info = TRY(os::file_info(fd, path));
  Ingest out(std::move(fd), std::move(path), paths_);
  out.lock_ = std::move(lock);
  out.lasting_ = true;
  out.earlier_ = info.size;
  if (out.earlier_ > blob.size) {
    TRY(os::resize_file(out.fd_, 0, out.path_));
    out.earlier_ = 0;
  }
  return out;
}

Result<std::uint64_t> ContentStore::remove_partial(std::int64_t min_age) const {
  std::uint64_t freed = 0;
  const auto folder = os::Dir::open(paths_.partial());
  if (!folder) {
    if (folder.error().kind() == ErrorKind::not_found) return freed;
    return folder.error();
  }
  const std::int64_t latest = os::wall_clock().seconds - min_age;
  const std::vector<os::DirEntry> entries = TRY(folder->list());
  for (const auto& entry : entries) {
    // A lock without a file is what a process leaves that is killed between the two.
    const bool is_lock = entry.name.ends_with(kLockSuffix);
    const std::string name =
        is_lock ? entry.name.substr(0, entry.name.size() - kLockSuffix.size()) : entry.name;
    const auto there = TRY(folder->find(name));
    if (there ? is_lock || there->mtime > latest : !is_lock) continue;
    const std::string path = paths_.partial() + "/" + name;
    auto lock = TRY(
        os::FileLock::try_acquire(path + std::string(kLockSuffix), os::FileLock::Mode::exclusive));
    if (!lock) continue;
    if (there) freed += there->allocated;
    os::remove_file(path);
    lock->remove();
  }
  return freed;
}

Result<oci::Digest> ContentStore::put(std::string_view content) {
  const oci::Digest digest = oci::Digest::of(content);
  // One that is there may be damaged: it is small, and read at once.
  if (has(digest) && read(digest)) return digest;
  Ingest ingest = TRY(create());
  TRY(ingest.write(archive::as_bytes(content)));
  return ingest.commit();
}

bool ContentStore::has(const oci::Digest& digest) const {
  return os::path_exists(paths_.blob(digest));
}

Result<os::Fd> ContentStore::open(const oci::Digest& digest) const {
  auto fd = os::open_for_reading(paths_.blob(digest));
  if (fd) return fd;
  // Who asks has just read its digest in the index.
  if (fd.error().kind() == ErrorKind::not_found)
    return not_found("blob " + digest.str() + " is gone: its image was removed meanwhile");
  return std::move(fd).error().context("blob " + digest.str());
}

Result<std::unique_ptr<archive::ByteSource>> ContentStore::open_source(
    const oci::Digest& digest) const {
  os::Fd fd = TRY(open(digest));
  return std::unique_ptr<archive::ByteSource>(
      std::make_unique<archive::FileSource>(std::move(fd), "blob " + digest.str()));
}

Result<std::string> ContentStore::read(const oci::Digest& digest) const {
  const os::Fd fd = TRY(open(digest));
  const std::string content = TRY(os::read_all(fd, "blob " + digest.str(), std::size_t{64} << 20));
  if (oci::Digest::of(content) != digest)
    return corrupt("blob " + digest.str() + " in the store is damaged");
  return content;
}

Result<void> ContentStore::remove(const oci::Digest& digest) const {
  os::remove_file(paths_.blob(digest));
  return {};
}

}  // namespace kiln::store
