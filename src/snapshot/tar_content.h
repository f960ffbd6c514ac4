// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "archive/tar_reader.h"
#include "base/result.h"
#include "os/fd.h"

namespace kiln::snapshot {

/// Writes the content of the entry that `tar` stands at, `size` bytes, to an empty file. Holes, and
/// aligned blocks of zeros, become holes. `name` is for messages. Kind cancelled if `stop` asks for
/// it.
Result<void> write_tar_content(archive::TarReader& tar, std::uint64_t size, const os::Fd& out,
                               const std::string& name, const std::stop_token& stop = {});

}  // namespace kiln::snapshot
