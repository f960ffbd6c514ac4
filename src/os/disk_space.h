// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln::os {

/// Of the file system that a path is on.
struct DiskSpace {
  std::uint64_t total = 0;
  std::uint64_t available = 0;  ///< to this user
};
Result<DiskSpace> disk_space(const std::string& path);

/// Bytes on disk of a file, or of a directory and all below it, as du(1) counts them: hard links
/// once. What vanishes meanwhile counts nothing; a path that is not there is 0.
std::uint64_t disk_usage(const std::string& path);
/// The same without files that have names elsewhere too: what there would be to gain by removing
/// it.
std::uint64_t exclusive_disk_usage(const std::string& path);

}  // namespace kiln::os
