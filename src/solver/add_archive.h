// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "base/sha256.h"
#include "snapshot/archive_plan.h"
#include "solver/source_tree.h"

namespace kiln::solver {

/// ADD's rule: a regular file whose decompressed beginning is a tar header.
Result<bool> is_archive(SourceTree& tree, const TreeEntry& entry);

/// Plans an archive's content below `target`, as plan_archive does. Returns the digest of the
/// archive as it is on disk, from the same reading.
Result<Sha256Bytes> unpack_archive(SourceTree& tree, const TreeEntry& entry,
                                   snapshot::LayerBuilder& builder, const os::RelPath& target,
                                   const os::Dir& scratch, const snapshot::ArchiveOptions& options);

}  // namespace kiln::solver
