// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include "base/sha256.h"
#include "os/file_io.h"

namespace kiln::store {
namespace {

/// What SQLite needs for a short transaction, with room to spare.
constexpr std::size_t kReserve = std::size_t{512} << 10;
/// Seconds after which nobody is taken to come back to a download.
constexpr std::int64_t kPartialAge = std::int64_t{7} * 24 * 3600;

/// Makes the reserve where it is missing and there is more than enough room for it.
void keep_reserve(const StorePaths& paths) {
  if (os::path_exists(paths.reserve())) return;
  const auto room = os::free_space(paths.root());
  if (!room || *room < 4 * kReserve) return;
  // Not zeros: a file system may keep those without taking room for them.
  if (!os::write_file_atomically(paths.reserve(), std::string(kReserve, 'r'), 0600))
    os::remove_file(paths.reserve());
}

}  // namespace

Result<Store> Store::open(const std::string& root, Use use) {
  const StorePaths paths(root);
  auto store = open_for_writing(paths);
  if (!store && use == Use::read) {
    const ErrorKind kind = store.error().kind();
    if (kind != ErrorKind::no_space && kind != ErrorKind::permission) return store;
    auto reading = open_for_reading(paths);
    return reading ? std::move(reading) : std::move(store);
  }
  if (!store && use == Use::remove && store.error().kind() == ErrorKind::no_space) {
    os::remove_file(paths.reserve());
    return open_for_writing(paths);
  }
  if (!store) return store;
  keep_reserve(paths);
  return store;
}

Result<Store> Store::open_for_writing(const StorePaths& paths) {
  TRY(os::ensure_directory(paths.root(), 0711));
  for (const std::string& folder :
       {paths.root() + "/db", paths.root() + "/blobs", paths.blobs(), paths.layers(),
        paths.contexts(), paths.builds(), paths.locks(), paths.executor_cache(),
        paths.cache_mounts(), paths.remote(), paths.temporary()})
    TRY(os::ensure_directory(folder, 0700));
  os::FileLock use = TRY(os::FileLock::acquire(paths.use_lock(), os::FileLock::Mode::shared));
  Database database = TRY(Database::open(paths.database()));
  Workspace workspace = TRY(Workspace::create(paths));
  Store store(
      std::make_unique<Parts>(paths, std::move(use), std::move(database), std::move(workspace)));
  // What can't be deleted now is in nobody's way.
  (void)store.blobs().remove_partial(kPartialAge).ok();
  return store;
}

Result<Store> Store::open_for_reading(const StorePaths& paths) {
  os::FileLock use =
      TRY(os::FileLock::acquire_existing(paths.use_lock(), os::FileLock::Mode::shared));
  Database database = TRY(Database::open_for_reading(paths.database()));
  return Store(
      std::make_unique<Parts>(paths, std::move(use), std::move(database), Workspace::none()));
}

std::string Store::context_index(const std::string& context_path) const {
  return paths().contexts() + "/" + to_hex(sha256(context_path));
}

Result<void> Store::delete_unused_layers() {
  // The shared lock is given up first: a process that waits for nobody can't deadlock.
  parts_->layers.forget_open();
  parts_->use.reset();
  auto deleted = delete_unused_layers_alone();
  parts_->use = TRY(os::FileLock::acquire(paths().use_lock(), os::FileLock::Mode::shared));
  return deleted;
}

Result<void> Store::delete_unused_layers_alone() {
  const auto exclusive =
      TRY(os::FileLock::try_acquire(paths().use_lock(), os::FileLock::Mode::exclusive));
  if (!exclusive) {
    // Without the mark, on a full disk, it is the next deletion that sees to it.
    (void)os::write_file_atomically(paths().unused_layers_mark(), "").ok();
    return {};
  }
  const std::vector<oci::DiffId> unused = TRY(parts_->layers.unused());
  for (const auto& id : unused) TRY(parts_->layers.remove(id));
  std::vector<oci::Digest> blobs = TRY(parts_->cache.unreferenced_blobs());
  const std::vector<oci::Digest> superseded = TRY(parts_->images.superseded_blobs());
  blobs.insert(blobs.end(), superseded.begin(), superseded.end());
  for (const auto& digest : blobs) os::remove_file(paths().blob(digest));
  os::remove_file(paths().unused_layers_mark());
  return {};
}

}  // namespace kiln::store
