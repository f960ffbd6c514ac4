// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "os/dir.h"

namespace kiln::exporter {

/// A result's file system, to be written out as files.
struct OutputTree {
  std::string prefix;  ///< a directory of its own for it, `linux_arm64`; may be empty
  const os::Dir* root;
  /// Of every file, in place of its own.
  std::optional<std::int64_t> mtime = {};
  std::string platform = {};  ///< for messages
};

/// What a directory has that is not of the result.
enum class Others { keep, remove };

/// Into a directory, made if it is not there: over what has the same name, beside everything else.
/// A symlink in it is replaced, never followed. Files belong to who runs this; modes, times, hard
/// links and devices stay, extended attributes where the file system takes them. Kind permission
/// for a device that this user can't make, cancelled if `stop` asks for it. With Others::remove
/// everything else is deleted once all is written; of trees with a prefix everything else beside
/// them too. Kind invalid_input, before anything is written, if a file of one tree is where another
/// tree without a prefix has something.
Result<void> write_trees_to_directory(const std::vector<OutputTree>& trees, const std::string& path,
                                      Others others = Others::keep,
                                      const std::stop_token& stop = {});

/// As one tar archive, with the owners that the image has; of files in one place, the same.
Result<void> write_trees_to_archive(const std::vector<OutputTree>& trees, archive::ByteSink& sink,
                                    const std::stop_token& stop = {});

}  // namespace kiln::exporter
