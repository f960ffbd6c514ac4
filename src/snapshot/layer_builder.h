// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "archive/tar_entry.h"
#include "base/result.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "snapshot/layer_form.h"
#include "snapshot/layer_view.h"
#include "store/layer_store.h"

namespace kiln::snapshot {

/// Where the bytes of a file come from.
struct FileContent {
  const os::Dir* root = nullptr;  ///< outlives the builder; `path` is beneath it
  os::RelPath path;
  /// `inline_text` stands instead of a file if `root` is null.
  std::string inline_text;
  /// The file is renamed into the layer, not copied: for what is unpacked for this layer only.
  bool take = false;
};

/// Told of each file whose content went into the layer: `tag` as given to put_file, the file as it
/// was when it was opened, and the digest of what was read.
using ContentSeen =
    std::function<void(std::size_t tag, const os::FileInfo& info, const Sha256Bytes& digest)>;
inline constexpr std::size_t kNoTag = SIZE_MAX;

/// A new layer, planned in memory over the layers below and then written in one pass: every file is
/// read once, and the layer's diff ID and the files' own digests come out of the same pass.
/// Nothing is mounted. Paths are resolved: no symlink on the way.
class LayerBuilder {
 public:
  struct Options {
    /// No entry's mtime is later; unset: as they are.
    std::optional<std::int64_t> max_mtime;
    /// Of directories that are made on the way; unset: their parent's.
    std::optional<std::int64_t> made_mtime;
    /// Ends write() with kind cancelled, within a block of data.
    std::stop_token stop = {};
  };
  /// `base` must outlive it.
  static Result<LayerBuilder> create(const LayerView& base, Options options);

  Result<os::RelPath> resolve(std::string_view path, Last last) const;
  /// What is at a path, in the plan or below it; nullopt for nothing.
  struct Existing {
    os::FileType type;
  };
  Result<std::optional<Existing>> find(const os::RelPath& path) const;

  /// mkdir -p: missing directories get this owner and mode and their parent's mtime. Kind
  /// invalid_input if something else is in the way.
  Result<void> make_directories(const os::RelPath& path, std::uint32_t mode, std::uint32_t uid,
                                std::uint32_t gid);
  /// A directory that is there keeps its content; its metadata is replaced.
  Result<void> put_directory(const os::RelPath& path, Metadata metadata);
  Result<void> put_file(const os::RelPath& path, FileContent content, Metadata metadata,
                        std::size_t tag = kNoTag);
  /// As put_file; files of one `group` become hard links of each other.
  Result<void> put_linked_file(const os::RelPath& path, FileContent content, Metadata metadata,
                               std::size_t tag, std::size_t group);
  Result<void> put_symlink(const os::RelPath& path, std::string target, Metadata metadata);
  Result<void> put_device(const os::RelPath& path, archive::EntryType type, std::uint32_t major,
                          std::uint32_t minor, Metadata metadata);
  Result<void> put_fifo(const os::RelPath& path, Metadata metadata);

  /// Writes the layer into an empty ingest, whose diff ID and sizes it returns.
  Result<store::LayerInfo> write(const store::LayerIngest& ingest, const ContentSeen& seen);

 private:
  struct Node;
  struct Writer;
  LayerBuilder(const LayerView& base, Options options);
  Result<Node*> parent_of(const os::RelPath& path);
  Result<Node*> put(const os::RelPath& path, Node node);
  Result<Node*> descend(Node& parent, const os::RelPath& path, std::string_view name);

  const LayerView* base_;
  Options options_;
  std::shared_ptr<Node> root_;
};

}  // namespace kiln::snapshot
