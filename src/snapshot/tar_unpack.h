// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "archive/tar_reader.h"
#include "base/result.h"
#include "os/dir.h"

namespace kiln::snapshot {

/// What came of a layer's stream.
struct UnpackedTree {
  /// Bytes in its files and bytes that these take on disk, as TreeStats has them; nullopt if the
  /// stream replaced some of what it had made.
  std::optional<std::uint64_t> content_size;
  std::optional<std::uint64_t> disk_size;
  /// Whether the stream is the one that write_tree_tar makes of the directory; nullopt if that
  /// remains to be seen (by making it).
  std::optional<bool> canonical;
};

/// Unpacks a layer's tar stream into an empty directory, in overlay form: .wh. names are whiteouts
/// (image spec, layer.md). Nothing is written outside of it, whatever the archive says; symlinks in
/// it lead parents of later entries, but only inside, and are content, wherever they point to. Kind
/// corrupt, naming the entry, for a name that is absolute or climbs out with "..", and for a hard
/// link to what isn't there. What ADD unpacks is another matter: archive_plan.h. Kind cancelled
/// once `stop` asks for it.
Result<UnpackedTree> unpack_tar(archive::TarReader& tar, const os::Dir& root,
                                const std::stop_token& stop = {});
/// As unpack_tar, of files that are no layer: a name that begins with .wh. is a name.
Result<void> unpack_plain_tar(archive::TarReader& tar, const os::Dir& root);

}  // namespace kiln::snapshot
