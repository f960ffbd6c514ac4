// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "archive/tar_reader.h"
#include "base/result.h"
#include "os/dir.h"

namespace kiln::snapshot {

enum class TarForm {
  layer,  ///< .wh. names are whiteouts (image spec, layer.md): the result is in overlay form
  plain,  ///< a tar file of somebody's: .wh. means nothing
};

/// Unpacks a tar stream into an empty directory. Nothing is written outside of it, whatever the
/// archive says; symlinks in it lead parents of later entries, but only inside. Kind corrupt,
/// naming the entry, for a name that climbs out with ".." or, in a layer, is absolute, and
/// for a hard link to what isn't there. In a layer a symlink is content, wherever it
/// points to; in a plain archive one that climbs out is corrupt too.
Result<void> unpack_tar(archive::TarReader& tar, const os::Dir& root, TarForm form);

}  // namespace kiln::snapshot
