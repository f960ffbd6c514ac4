// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace kiln::os {

/// Has the kernel fetch a file's next megabytes while those before them are worked on, for who
/// reads a large file from its beginning to its end. Of what is in memory already it costs next to
/// nothing.
class ReadAhead {
 public:
  /// `fd` outlives it.
  ReadAhead(const Fd& fd, std::uint64_t size) : fd_(&fd), size_(size) {}
  /// Before the bytes at `offset` are read.
  void reach(std::uint64_t offset);

 private:
  const Fd* fd_;
  std::uint64_t size_;
  std::uint64_t asked_ = 0;  ///< for what is before it
};

}  // namespace kiln::os
