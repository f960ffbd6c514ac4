// SPDX-License-Identifier: Apache-2.0
#include "store/content_store.h"

#include <utility>

#include "os/file_io.h"

namespace kiln::store {

Ingest::Ingest(Ingest&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      paths_(std::move(other.paths_)),
      hash_(std::move(other.hash_)),
      size_(other.size_) {}

Ingest::~Ingest() {
  if (!path_.empty()) os::remove_file(path_);
}

Result<void> Ingest::write(archive::Bytes data) {
  hash_.update(data);
  size_ += data.size();
  return os::write_all(fd_, data, path_);
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
  return {};
}

Result<Ingest> ContentStore::create() {
  std::string path = workspace_->new_path();
  os::Fd fd = TRY(os::create_file(path));
  return Ingest(std::move(fd), std::move(path), paths_);
}

Result<oci::Digest> ContentStore::put(std::string_view content) {
  const oci::Digest digest = oci::Digest::of(content);
  if (has(digest)) return digest;
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
