// SPDX-License-Identifier: Apache-2.0
#include "cache/local_storage.h"

#include <filesystem>

#include "base/sha256.h"
#include "oci/layout.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::cache {
namespace {

constexpr std::size_t kLargestIndex = std::size_t{256} << 20;
constexpr std::size_t kBufferSize = std::size_t{256} << 10;

/// Absolute, so that a cache is the same one from every directory.
std::string absolute(const std::string& path) {
  std::error_code error;
  const auto out = std::filesystem::absolute(path, error).lexically_normal();
  std::string text = error ? path : out.string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

/// A new file that is removed unless it gets its name.
class NewFile {
 public:
  static Result<NewFile> create(const std::string& folder) {
    std::string path = folder + "/.new-" + os::random_id();
    os::Fd fd = TRY(os::create_file(path));
    return NewFile(std::move(fd), std::move(path));
  }
  NewFile(NewFile&& other) noexcept
      : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (!path_.empty()) os::remove_file(path_);
  }
  const os::Fd& fd() const { return fd_; }
  const std::string& path() const { return path_; }
  Result<void> commit(const std::string& name) {
    TRY(os::rename_file(path_, name));
    path_.clear();
    return {};
  }

 private:
  NewFile(os::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  os::Fd fd_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<LocalStorage>> LocalStorage::open(const std::string& path) {
  const std::string full = absolute(path);
  os::Dir root = TRY(os::Dir::open(full));
  auto out = std::unique_ptr<LocalStorage>(new LocalStorage(full, std::move(root)));
  if (!os::path_exists(full + "/index.json")) return not_found(full + " has no index.json");
  TRY(out->read_index());
  return out;
}

Result<std::unique_ptr<LocalStorage>> LocalStorage::open_for_writing(const std::string& path) {
  const std::string full = absolute(path);
  TRY(os::ensure_directory(full));
  TRY(os::ensure_directory(full + "/blobs"));
  TRY(os::ensure_directory(full + "/blobs/sha256"));
  if (!os::path_exists(full + "/oci-layout"))
    TRY(os::write_file_atomically(full + "/oci-layout", oci::kLayoutMark));
  os::Dir root = TRY(os::Dir::open(full));
  auto out = std::unique_ptr<LocalStorage>(new LocalStorage(full, std::move(root)));
  TRY(out->read_index());
  return out;
}

Result<void> LocalStorage::read_index() {
  if (!os::path_exists(path_ + "/index.json")) return {};
  const std::string text = TRY(os::read_file(path_ + "/index.json", kLargestIndex));
  const oci::Index index = TRY(oci::Index::parse(text).context(path_));
  for (const auto& manifest : index.manifests) {
    const auto tag = manifest.annotations.find(oci::kRefName);
    if (tag != manifest.annotations.end() && manifest.defect.empty()) tags_[tag->second] = manifest;
  }
  return {};
}

Result<std::optional<std::string>> LocalStorage::find_manifest(const std::string& tag,
                                                               const std::stop_token&) {
  oci::Descriptor manifest;
  if (tag.starts_with("sha256:")) {
    manifest.digest = TRY(oci::Digest::parse(tag));
  } else {
    const std::lock_guard lock(mutex_);
    const auto found = tags_.find(tag);
    if (found == tags_.end()) return std::optional<std::string>();
    manifest = found->second;
  }
  const os::RelPath path = os::RelPath::clean(oci::blob_path(manifest.digest));
  const auto there = TRY(root_.find_beneath(path));
  if (!there) return std::optional<std::string>();
  const os::Fd fd = TRY(root_.open_file_beneath(path));
  std::string text = TRY(os::read_all(fd, path.str(), oci::kMaxManifestSize));
  if (oci::Digest::of(text) != manifest.digest)
    return corrupt("manifest " + manifest.digest.str() + " is damaged");
  return std::optional(std::move(text));
}

Result<void> LocalStorage::fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                      const std::stop_token& stop) {
  const std::string what = "blob " + blob.digest.str();
  const os::Fd fd = TRY(root_.open_file_beneath(os::RelPath::clean(oci::blob_path(blob.digest))));
  std::vector<std::byte> buffer(kBufferSize);
  Sha256 hash;
  std::uint64_t size = 0;
  for (;;) {
    if (stop.stop_requested()) return cancelled();
    const std::size_t count = TRY(os::read_some(fd, buffer, what));
    if (count == 0) break;
    size += count;
    if (size > blob.size) return corrupt(what + " is longer than it should be");
    const auto part = archive::Bytes(buffer).first(count);
    hash.update(part);
    TRY(sink.write(part));
  }
  if (size != blob.size) return corrupt(what + " is shorter than it should be");
  if (oci::Digest(hash.finish()) != blob.digest) return corrupt(what + " is damaged");
  return {};
}

Result<bool> LocalStorage::has_blob(const oci::Digest& digest, const std::stop_token&) {
  return os::path_exists(path_ + "/" + oci::blob_path(digest));
}

Result<void> LocalStorage::put_blob(registry::BlobContent& content, const std::stop_token& stop) {
  NewFile file = TRY(NewFile::create(path_ + "/blobs/sha256"));
  const auto source = TRY(content.open(0));
  std::vector<std::byte> buffer(kBufferSize);
  for (;;) {
    if (stop.stop_requested()) return cancelled();
    const std::size_t count = TRY(source->read(buffer));
    if (count == 0) break;
    TRY(os::write_all(file.fd(), archive::Bytes(buffer).first(count), file.path()));
  }
  const oci::Digest digest = TRY(content.digest());
  return file.commit(path_ + "/" + oci::blob_path(digest));
}

Result<void> LocalStorage::put_manifest(const std::string& tag, const std::string& content,
                                        const std::stop_token& stop) {
  TextBlob blob(content);
  TRY(put_blob(blob, stop));
  oci::Descriptor manifest;
  manifest.media_type = oci::media_type::kOciManifest;
  manifest.digest = oci::Digest::of(content);
  manifest.size = content.size();
  manifest.annotations[oci::kRefName] = tag;
  const std::lock_guard lock(mutex_);
  written_[tag] = std::move(manifest);
  return {};
}

Result<void> LocalStorage::commit() {
  const auto writing =
      TRY(os::FileLock::acquire(path_ + "/kiln.lock", os::FileLock::Mode::exclusive));
  const std::lock_guard lock(mutex_);
  // What others have written meanwhile stays.
  TRY(read_index());
  for (const auto& [tag, manifest] : written_) tags_[tag] = manifest;
  oci::Index index;
  for (const auto& [tag, manifest] : tags_) index.manifests.push_back(manifest);
  TRY(os::write_file_atomically(path_ + "/index.json", index.to_json()));
  written_.clear();
  return {};
}

}  // namespace kiln::cache
