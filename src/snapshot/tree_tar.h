// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "archive/byte_stream.h"
#include "archive/tar_writer.h"
#include "base/result.h"
#include "oci/digest.h"
#include "os/dir.h"
#include "snapshot/layer_form.h"

namespace kiln::snapshot {

struct TreeStats {
  std::uint64_t tar_size = 0;      ///< bytes of the stream
  std::uint64_t content_size = 0;  ///< bytes in its files, hard links once
  std::uint64_t disk_size = 0;     ///< bytes that the files take on disk, hard links once
  std::uint64_t entries = 0;
};

/// Writes the canonical tar stream of a layer's directory, a pure function of the tree:
/// - entries depth first, names of a directory in bytewise order, a directory before what is in it;
///   paths without "./"; the root itself only if it isn't an 0755 directory of 0:0 without xattrs;
/// - whiteouts where the name they hide would be; the opaque mark first in its directory; both with
///   mode 0, owner 0:0 and mtime 0;
/// - of hard links the first in this order is the file, the others link to it;
/// - headers as archive::tar_header makes them; sockets left out.
/// Kind invalid_input for a name that begins with ".wh.", which the tar form can't hold
/// (whiteout_names.h).
Result<TreeStats> write_tree_tar(const os::Dir& root, archive::ByteSink& sink);

/// The tree as it is, not as a layer: nothing hides anything, and any name will do. Its entries
/// follow those that `tar` has already, below `prefix`, which becomes the root's own entry.
Result<void> append_plain_tree(const os::Dir& root, const std::string& prefix,
                               archive::TarWriter& tar);

struct TreeDigest {
  oci::DiffId diff_id;
  TreeStats stats;
};
/// The diff ID of a layer's directory: the digest of its stream, which is not written anywhere.
/// Kind cancelled once `stop` asks for it.
Result<TreeDigest> digest_tree(const os::Dir& root, const std::stop_token& stop = {});

/// Applies the limit to everything below `root`.
Result<void> limit_mtimes(const os::Dir& root, const MtimeLimit& limit);

/// Reads `size` bytes of a file in order, holes as zeros without reading them, and hands them on.
Result<void> read_file_content(const os::Fd& fd, const os::FileInfo& info, const std::string& name,
                               archive::ByteSink& sink);

}  // namespace kiln::snapshot
