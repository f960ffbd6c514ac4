// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "store/cache_mounts.h"
#include "store/database.h"
#include "store/remote_cache.h"
#include "store/store_paths.h"

namespace kiln::store {

/// Something that the store keeps besides images: a row of `du`.
struct CacheEntry {
  enum class Type {
    regular,       ///< a layer that a step made, with its records
    local_source,  ///< a context's stat index
    cache_mount,   ///< a directory of RUN --mount=type=cache
    fetched,       ///< files that came by http or git
    repository,    ///< objects of a git repository
    internal,      ///< the index, logs, work in progress
  };
  std::string id;  ///< 25 characters, or the folder's name of an internal one
  Type type = Type::regular;
  std::string description;
  std::uint64_t size = 0;  ///< bytes on disk
  bool shared = false;     ///< an image has the layer too: deleting the entry frees nothing
  bool reclaimable = true;
  std::int64_t created = 0, used = 0;  ///< seconds
  std::int64_t uses = 0;               ///< builds that it served
  std::vector<std::string> parents;    ///< IDs
  std::optional<oci::DiffId> layer;    ///< of a regular one
  std::string file;                    ///< of a local source its path, of others their name
};

/// Layers with their sum, from the index alone: cheap.
struct LayerUsage {
  std::uint64_t bytes = 0;
  std::int64_t collected = 0;  ///< when the size policy was last applied, seconds
  std::uint64_t settled = 0;   ///< `bytes` after that
};

/// What is in the store that no image needs, and how much it takes. Thread-safe.
class BuildCache {
 public:
  BuildCache(StorePaths paths, const Database& database, const CacheMounts& mounts,
             const RemoteCache& remote)
      : paths_(std::move(paths)), database_(&database), mounts_(&mounts), remote_(&remote) {}

  /// All entries; the sum of their sizes, less that of shared ones, and of image_bytes() is what
  /// the store takes on disk. The least recently used first.
  Result<std::vector<CacheEntry>> list() const;
  /// What an image's own blobs and layers take.
  Result<std::uint64_t> layer_bytes(const oci::DiffId& id) const;
  /// Layers of all images, once each, and their configs and manifests.
  Result<std::uint64_t> image_bytes() const;
  /// Whether more than one image has the layer.
  Result<bool> is_shared(const oci::DiffId& id) const;

  /// Blobs that no image and no layer refers to: what a killed process has left.
  Result<std::vector<oci::Digest>> unreferenced_blobs() const;

  /// Drops entries: records, stat indexes, and what nobody uses of cache mounts and of what was
  /// fetched. Layers that nothing needs any more are still there, as unreferenced_layers() says.
  Result<void> forget(const std::vector<CacheEntry>& entries) const;
  Result<std::vector<oci::DiffId>> unreferenced_layers() const;
  /// Gives the index's own free space back.
  Result<void> compact() const;

  Result<LayerUsage> usage() const;
  /// Notes that the size policy was applied.
  Result<void> settle(std::int64_t now) const;

 private:
  Result<void> list_layers(std::vector<CacheEntry>& out) const;
  void list_contexts(std::vector<CacheEntry>& out) const;
  Result<void> list_mounts(std::vector<CacheEntry>& out) const;
  Result<std::uint64_t> list_fetched(std::vector<CacheEntry>& out) const;
  Result<void> list_internals(std::vector<CacheEntry>& out, std::uint64_t fetched) const;
  Result<std::uint64_t> referenced_blob_bytes() const;
  StorePaths paths_;
  const Database* database_;
  const CacheMounts* mounts_;
  const RemoteCache* remote_;
};

/// 25 characters of a digest or file name.
std::string cache_id(const std::string& hex);

}  // namespace kiln::store
