// SPDX-License-Identifier: Apache-2.0
#include "os/read_ahead.h"

#include <fcntl.h>

#include <algorithm>

namespace kiln::os {
namespace {
/// Enough for a disk to be busy with; little enough to be still in memory when it is read.
constexpr std::uint64_t kWindow = std::uint64_t{4} << 20;
}  // namespace

void ReadAhead::reach(std::uint64_t offset) {
  while (asked_ < size_ && asked_ < offset + 2 * kWindow) {
    const std::uint64_t length = std::min(kWindow, size_ - asked_);
    // Advice: where it isn't taken, reading waits.
    (void)::posix_fadvise(fd_->get(), static_cast<off_t>(asked_), static_cast<off_t>(length),
                          POSIX_FADV_WILLNEED);
    asked_ += length;
  }
}

}  // namespace kiln::os
