// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "os/dir.h"
#include "snapshot/layer_plan.h"
#include "snapshot/layer_view.h"
#include "snapshot/layer_writer.h"
#include "snapshot/link_resolution.h"
#include "store/layer_store.h"

namespace kiln::snapshot {

/// The same in every build and on every base: 1980-01-01, which also zip archives can hold.
inline constexpr std::int64_t kMadeDirectoryTime = 315532800;

/// A new layer, planned in memory over the layers below and then written in one pass: every file is
/// read once, and the layer's diff ID and the files' own digests come out of the same pass.
/// Nothing is mounted. Paths are resolved: no symlink on the way.
class LayerBuilder {
 public:
  struct Options {
    /// Unset: mtimes are as they are.
    std::optional<MtimeLimit> mtimes;
    /// Of directories that are made on the way.
    std::int64_t made_mtime = kMadeDirectoryTime;
    /// Ends write() with kind cancelled, within a block of data.
    std::stop_token stop = {};
  };
  /// `base` must outlive it.
  static Result<LayerBuilder> create(const LayerView& base, Options options);

  Result<os::RelPath> resolve(std::string_view path, Last last) const;
  /// As a process chrooted at `root`, which is resolved, would resolve `path`; the result is below
  /// the image's root.
  Result<os::RelPath> resolve_below(const os::RelPath& root, std::string_view path, Last last,
                                    AboveRoot above) const;
  /// What is at a path, in the plan or below it; nullopt for nothing.
  struct Existing {
    os::FileType type;
  };
  Result<std::optional<Existing>> find(const os::RelPath& path) const;

  /// mkdir -p: missing directories get this owner and mode and the options' mtime. Kind
  /// invalid_input if something else is in the way.
  Result<void> make_directories(const os::RelPath& path, std::uint32_t mode, std::uint32_t uid,
                                std::uint32_t gid);
  /// A directory that is there keeps its content; its metadata is replaced.
  Result<void> put_directory(const os::RelPath& path, Metadata metadata);
  /// Of a directory that is there.
  Result<void> set_directory_mode(const os::RelPath& path, std::uint32_t mode);
  Result<void> put_file(const os::RelPath& path, FileContent content, Metadata metadata,
                        std::size_t tag = kNoTag);
  /// As put_file; files of one `group` become hard links of each other.
  Result<void> put_linked_file(const os::RelPath& path, FileContent content, Metadata metadata,
                               std::size_t tag, std::size_t group);
  Result<void> put_symlink(const os::RelPath& path, std::string target, Metadata metadata);
  Result<void> put_device(const os::RelPath& path, archive::EntryType type, std::uint32_t major,
                          std::uint32_t minor, Metadata metadata);
  Result<void> put_fifo(const os::RelPath& path, Metadata metadata);
  /// Another name for what is at `target`, which is copied into this layer if it is of a lower one,
  /// as link(2) does on overlayfs. The metadata becomes that of all its names, its xattrs are
  /// added. Kind not_found without a target, invalid_input for a directory.
  Result<void> put_hardlink(const os::RelPath& path, const os::RelPath& target, Metadata metadata);

  /// Nothing is put any more: a digest of the layer that write() would make, or has made; plans of
  /// one digest, on whatever base, are the same layer (digest_plan). nullopt as long as the content
  /// of a file is not known.
  Result<std::optional<Sha256Bytes>> digest();

  /// Writes the layer into an empty ingest, whose diff ID and sizes it returns.
  /// What did not change since `earlier`, which may be null, is taken from there.
  Result<store::LayerInfo> write(const store::LayerIngest& ingest, const ContentSeen& seen,
                                 const EarlierLayer* earlier = nullptr);
  /// What write() made whiteouts of (whiteout_names.h).
  const std::vector<std::string>& adopted_whiteouts() const { return *adopted_; }

 private:
  struct Found {
    const PlannedEntry* planned = nullptr;
    std::optional<ViewEntry> below = std::nullopt;
  };
  LayerBuilder(const LayerView& base, Options options);
  Result<Found> look_up(const os::RelPath& path) const;
  Result<PlannedEntry*> parent_of(const os::RelPath& path);
  Result<void> put(const os::RelPath& path, PlannedEntry entry);
  void put_into(PlannedEntry& parent, std::string_view name, PlannedEntry entry);
  Result<void> adopt_whiteouts();
  Result<PlannedEntry*> descend(PlannedEntry& parent, const os::RelPath& path,
                                std::string_view name);

  const LayerView* base_;
  Options options_;
  std::unique_ptr<PlannedEntry> root_;
  /// The directory that was put into last: mostly the next one's too. Null for none.
  PlannedEntry* last_parent_ = nullptr;
  os::RelPath last_parent_path_;
  std::map<std::size_t, std::weak_ptr<PlannedInode>> groups_;
  std::optional<std::vector<std::string>> adopted_;  ///< once the plan is complete
};

}  // namespace kiln::snapshot
