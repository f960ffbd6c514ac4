// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "archive/tar_entry.h"
#include "base/result.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "snapshot/layer_form.h"
#include "snapshot/layer_view.h"

namespace kiln::snapshot {

/// What a file holds, as far as that is known without reading it.
struct KnownContent {
  Sha256Bytes digest{};
  std::uint64_t size = 0;
  bool operator==(const KnownContent&) const = default;
};

/// Where the bytes of a file come from.
struct FileContent {
  const os::Dir* root = nullptr;  ///< outlives the plan; `path` is beneath it
  os::RelPath path;
  /// `inline_text` stands instead of a file if `root` is null.
  std::string inline_text;
  /// The file is renamed into the layer, not copied: for what is unpacked for this layer only.
  bool take = false;
  /// Set by who plans the file, if it is known (of a text it is), and by write_layer when it was
  /// written.
  std::optional<KnownContent> known = {};
};

inline constexpr std::size_t kNoTag = SIZE_MAX;
/// Told of each file whose content went into the layer: `tag` as given to put_file, the file as it
/// was when it was opened, and the digest of what was read.
using ContentSeen =
    std::function<void(std::size_t tag, const os::FileInfo& info, const Sha256Bytes& digest)>;

/// What a name of a planned layer stands for. Names that share one are hard links.
struct PlannedInode {
  archive::EntryType type = archive::EntryType::directory;
  Metadata metadata = {};
  FileContent content = {};
  std::size_t tag = kNoTag;
  std::string link_target = {};
  std::uint32_t device_major = 0, device_minor = 0;
};

struct PlannedEntry {
  std::shared_ptr<PlannedInode> inode = std::make_shared<PlannedInode>();
  /// A directory through which the layers below are still seen.
  bool merged = false;
  /// A directory that says it hides what is below, where that is not a directory: overlayfs needs
  /// no mark for it, but readers of tar layers may.
  bool opaque = false;
  /// A mark that hides what is below; nothing else of the entry counts.
  bool whiteout = false;
  std::map<std::string, PlannedEntry, std::less<>> children = {};
};

/// An entry of a view, other than a directory, as it is copied into a layer.
Result<PlannedInode> inode_of(const LayerView& view, const ViewEntry& entry);

}  // namespace kiln::snapshot
