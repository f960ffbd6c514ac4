// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "archive/tar_reader.h"
#include "base/result.h"
#include "os/dir.h"
#include "snapshot/layer_builder.h"

namespace kiln::snapshot {

struct ArchiveOptions {
  /// Of every entry, instead of its own.
  struct Owner {
    std::uint32_t uid, gid;
  };
  std::optional<Owner> owner = {};
  std::stop_token stop = {};
};

/// Plans what ADD unpacks: the entries of somebody's tar archive, one after the other, as if in a
/// chroot at `target`, a directory of the plan.
/// - An entry replaces what is at its name; a directory on a directory gives it its metadata only.
/// - Its parents may be symlinks, of the image or of the archive. Missing ones are made, 0755 of
///   0:0; what is there stays as it is.
/// - A hard link may be to a file of the image; its metadata becomes the file's.
/// - The entry of the archive's own root means nothing.
/// Contents are written to new files in `scratch`, which has to outlive the builder's write(): they
/// are moved from there into the layer.
/// Kind corrupt, naming the entry, for a name or hard link that climbs out with "..", a symlink on
/// the way that does, a hard link to what isn't there, and a file in the way of a directory.
Result<void> plan_archive(archive::TarReader& tar, LayerBuilder& builder, const os::RelPath& target,
                          const os::Dir& scratch, const ArchiveOptions& options);

}  // namespace kiln::snapshot
