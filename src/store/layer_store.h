// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "os/dir.h"
#include "store/database.h"
#include "store/open_layers.h"
#include "store/store_paths.h"
#include "store/workspace.h"

namespace kiln::store {

/// What is known of a layer besides its files.
struct LayerInfo {
  oci::DiffId diff_id;
  std::uint64_t tar_size = 0;      ///< bytes of its uncompressed tar stream
  std::uint64_t content_size = 0;  ///< bytes in its files: what docker shows as its size
  std::uint64_t disk_size = 0;     ///< bytes that its files take
  /// The blob it came as, where its tar stream can't be made from its directory.
  std::optional<oci::Descriptor> blob;
  /// The layer whose files some of its files are, so that only one of the two counts them in its
  /// disk_size.
  std::optional<oci::DiffId> linked_from = {};
};

/// A layer of which not everything may be on the disk yet: nothing waits for that when a layer is
/// made. snapshot::settle_layers looks after them.
struct UnsettledLayer {
  oci::DiffId diff_id;
  /// Digest of its directory's canonical stream; nullopt if all that is known is that the directory
  /// is what its blob unpacks to.
  std::optional<oci::DiffId> tree;
  std::string boot;       ///< os::boot_id() when it was made
  std::int64_t made = 0;  ///< seconds
};

/// What a layer's directory is checked against after a power cut.
enum class Likeness {
  diff_id,  ///< its canonical stream has the layer's diff ID
  blob,     ///< it is what the layer's blob unpacks to
};

/// A layer being made, in a directory of its own under tmp/ until it is committed:
/// `fs` becomes the layer; `work` and `mount` serve an overlay mount that has `fs` as its upper
/// directory.
class LayerIngest {
 public:
  const os::Dir& fs() const { return fs_; }
  std::string fs_path() const { return scratch_.path() + "/layer/fs"; }
  /// For what the layer says of itself, beside its directory.
  std::string contents_path() const { return scratch_.path() + "/layer/contents"; }
  std::string work_path() const { return scratch_.path() + "/work"; }
  std::string mount_path() const { return scratch_.path() + "/mount"; }
  std::string scratch_path() const { return scratch_.path(); }

 private:
  friend class LayerStore;
  LayerIngest(ScratchDir scratch, os::Dir fs) : scratch_(std::move(scratch)), fs_(std::move(fs)) {}
  ScratchDir scratch_;
  os::Dir fs_;
};

/// Layers: one directory each, named by the diff ID alone whatever lies below it in an image.
/// A layer directory is never written to once it has its name. Thread-safe.
class LayerStore {
 public:
  LayerStore(StorePaths paths, const Database& database, Workspace& workspace)
      : paths_(std::move(paths)), database_(&database), workspace_(&workspace) {}

  /// A layer that is known and whose directory is there.
  Result<std::optional<LayerInfo>> find(const oci::DiffId& id) const;
  Result<LayerInfo> get(const oci::DiffId& id) const;
  Result<std::vector<LayerInfo>> get_all(const std::vector<oci::DiffId>& ids) const;
  /// All that are known, in no order, whether or not their directories are there.
  Result<std::vector<LayerInfo>> list() const;
  Result<os::Dir> open_fs(const oci::DiffId& id) const;
  Result<std::vector<os::Dir>> open_all(const std::vector<oci::DiffId>& ids) const;
  /// As open_fs, once for all who ask in this process.
  Result<std::shared_ptr<const OpenLayer>> open(const oci::DiffId& id) const;
  /// Before others may delete layers.
  void forget_open() const { open_.forget_all(); }

  std::string contents_path(const oci::DiffId& id) const { return paths_.layer_contents(id); }

  Result<LayerIngest> create();
  /// Publishes a layer. If it is there already, the new one is discarded: both are the same.
  Result<void> commit(LayerIngest ingest, const LayerInfo& info,
                      Likeness likeness = Likeness::diff_id);
  /// Layers that no image and no cache record refers to, and directories that are no layers.
  Result<std::vector<oci::DiffId>> unused() const;
  /// Forgets the layer and deletes it; cache records that name it are no longer found. The caller
  /// holds Store's use lock exclusively, or knows that nobody has it open.
  Result<void> remove(const oci::DiffId& id);
  /// For a layer whose directory is damaged: it is found no more, and whoever makes or fetches it
  /// again puts a good one into its place. The directory stays as long as an image has the layer.
  Result<void> distrust(const oci::DiffId& id);

  Result<std::vector<UnsettledLayer>> unsettled() const;
  /// They are on the disk.
  Result<void> settle(const std::vector<oci::DiffId>& ids);

 private:
  /// Who gets to count the files that a layer leaves behind when it goes.
  struct Heirs {
    std::string parent;  ///< hex of the layer that it was linked from; empty for none
    std::vector<std::string> children;
    std::int64_t left_over = 0;  ///< bytes
  };
  Result<std::optional<LayerInfo>> find_row(const oci::DiffId& id) const;
  /// Of the layer's blobs the digests.
  Result<std::vector<oci::Digest>> remove_rows(const oci::DiffId& id);
  Result<Heirs> find_heirs(const oci::DiffId& id) const;
  Result<void> pass_on(const Heirs& heirs) const;
  Result<void> put_into_place(const std::string& made, const oci::DiffId& id);
  Result<void> remove_files(const oci::DiffId& id);

  StorePaths paths_;
  const Database* database_;
  Workspace* workspace_;
  mutable OpenLayers open_;
};

}  // namespace kiln::store
