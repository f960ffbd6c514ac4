// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/file_lock.h"
#include "store/build_cache.h"
#include "store/build_history.h"
#include "store/cache_mounts.h"
#include "store/cache_records.h"
#include "store/content_store.h"
#include "store/database.h"
#include "store/distribution_index.h"
#include "store/image_store.h"
#include "store/index_store.h"
#include "store/layer_store.h"
#include "store/manifest_lists.h"
#include "store/remote_cache.h"
#include "store/store_paths.h"
#include "store/workspace.h"

namespace kiln::store {

/// `read`: only images, names and configs are looked at, also where nothing can be written.
/// `remove`: as `write`, on a full disk too.
enum class Use { read, write, remove };

/// Everything kiln keeps, below one directory. Many processes may have it open at once; all of them
/// hold use.lock shared, so that what one of them reads is not deleted by another.
class Store {
 public:
  /// Creates the directory (0711) and its parts where they are missing.
  static Result<Store> open(const std::string& root, Use use = Use::write);

  const StorePaths& paths() const { return parts_->paths; }
  ContentStore& blobs() { return parts_->blobs; }
  LayerStore& layers() { return parts_->layers; }
  ImageStore& images() { return parts_->images; }
  IndexStore& indexes() { return parts_->indexes; }
  ManifestLists& manifest_lists() { return parts_->manifest_lists; }
  CacheRecords& records() { return parts_->records; }
  CacheMounts& cache_mounts() { return parts_->cache_mounts; }
  DistributionIndex& distribution() { return parts_->distribution; }
  BuildCache& cache() { return parts_->cache; }
  BuildHistory& builds() { return parts_->builds; }
  RemoteCache& remote() { return parts_->remote; }
  Workspace& workspace() { return parts_->workspace; }
  /// Where what is known of the files of a build context is kept.
  std::string context_index(const std::string& context_path) const;

  /// What is wrong with the index itself, in words; reads all of it.
  Result<std::vector<std::string>> index_problems() const { return parts_->database.problems(); }

  /// Deletes the layers and blobs that nothing refers to, and what killed processes left of them.
  /// While another process uses the store that is put off. The caller has no layers in use or in
  /// the making.
  Result<void> delete_unused_layers();
  /// Whether it was put off.
  bool has_layers_to_delete() const { return os::path_exists(paths().unused_layers_mark()); }

 private:
  struct Parts {
    Parts(StorePaths store_paths, os::FileLock lock, Database index, Workspace work)
        : paths(std::move(store_paths)),
          use(std::move(lock)),
          database(std::move(index)),
          workspace(std::move(work)),
          blobs(paths, workspace),
          layers(paths, database, workspace),
          images(database, blobs, layers),
          indexes(database, blobs, images),
          manifest_lists(database),
          records(database),
          cache_mounts(paths, workspace),
          distribution(database),
          cache(paths, database, cache_mounts, remote),
          builds(paths, database),
          remote(paths, workspace) {}
    StorePaths paths;
    std::optional<os::FileLock> use;
    Database database;
    Workspace workspace;
    ContentStore blobs;
    LayerStore layers;
    ImageStore images;
    IndexStore indexes;
    ManifestLists manifest_lists;
    CacheRecords records;
    CacheMounts cache_mounts;
    DistributionIndex distribution;
    BuildCache cache;
    BuildHistory builds;
    RemoteCache remote;
  };
  static Result<Store> open_for_writing(const StorePaths& paths);
  static Result<Store> open_for_reading(const StorePaths& paths);
  Result<void> delete_unused_layers_alone();

  explicit Store(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
  std::unique_ptr<Parts> parts_;  ///< at one address: the parts refer to each other
};

}  // namespace kiln::store
