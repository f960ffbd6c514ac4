// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include "base/sha256.h"

namespace kiln::store {

Result<Store> Store::open(const std::string& root) {
  StorePaths paths(root);
  TRY(os::ensure_directory(root, 0711));
  for (const std::string& folder :
       {root + "/db", root + "/blobs", paths.blobs(), paths.layers(), paths.contexts(),
        paths.executor_cache(), paths.cache_mounts(), paths.temporary()})
    TRY(os::ensure_directory(folder, 0700));
  os::FileLock use = TRY(os::FileLock::acquire(paths.use_lock(), os::FileLock::Mode::shared));
  Database database = TRY(Database::open(paths.database()));
  Workspace workspace = TRY(Workspace::create(paths));
  return Store(std::make_unique<Parts>(std::move(paths), std::move(use), std::move(database),
                                       std::move(workspace)));
}

StatIndex Store::load_stat_index(const std::string& context_path) const {
  return StatIndex::load(paths().contexts() + "/" + to_hex(sha256(context_path)));
}

Result<void> Store::delete_unused_layers(const std::vector<oci::DiffId>& layers) {
  if (layers.empty()) return {};
  // The shared lock is given up first: a process that waits for nobody can't deadlock.
  parts_->use.reset();
  auto exclusive =
      TRY(os::FileLock::try_acquire(paths().use_lock(), os::FileLock::Mode::exclusive));
  if (exclusive) {
    for (const auto& id : layers) {
      const bool used = TRY(parts_->layers.is_used(id));
      if (!used) TRY(parts_->layers.remove(id));
    }
    exclusive.reset();
  }
  parts_->use = TRY(os::FileLock::acquire(paths().use_lock(), os::FileLock::Mode::shared));
  return {};
}

}  // namespace kiln::store
