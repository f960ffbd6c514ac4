// SPDX-License-Identifier: Apache-2.0
#include "snapshot/tar_content.h"

#include <algorithm>
#include <vector>

#include "os/file_io.h"
#include "snapshot/block_size.h"

namespace kiln::snapshot {
namespace {

/// What a hole is made of: a block of the file system.
constexpr std::size_t kHoleSize = 4096;

/// Writes what isn't zero, block by block; tells whether the end was left out. Of a block that
/// comes in pieces each is looked at by itself.
Result<bool> write_data(const os::Fd& out, archive::Bytes data, std::uint64_t at,
                        const std::string& name) {
  bool left_out = false;
  std::size_t begin = 0;  // of what is to be written
  std::size_t end = 0;
  while (end < data.size()) {
    const std::size_t in_block = static_cast<std::size_t>((at + end) % kHoleSize);
    const std::size_t size = std::min(kHoleSize - in_block, data.size() - end);
    left_out = is_zero(data.subspan(end, size));
    if (left_out) {
      TRY(os::write_at(out, data.subspan(begin, end - begin), at + begin, name));
      begin = end + size;
    }
    end += size;
  }
  TRY(os::write_at(out, data.subspan(begin, end - begin), at + begin, name));
  return left_out;
}

}  // namespace

Result<void> write_tar_content(archive::TarReader& tar, std::uint64_t size, const os::Fd& out,
                               const std::string& name, const std::stop_token& stop) {
  thread_local std::vector<std::byte> buffer(kBlockSize);
  std::uint64_t at = 0;
  bool hole_at_end = false;
  while (at < size) {
    if (stop.stop_requested()) return cancelled();
    if (const std::uint64_t hole = tar.skip_hole(); hole > 0) {
      hole_at_end = true;
      at += hole;
      continue;
    }
    const std::size_t n = TRY(tar.read(buffer));
    if (n == 0) return corrupt("it is truncated");
    hole_at_end = TRY(write_data(out, archive::Bytes(buffer).first(n), at, name));
    at += n;
  }
  if (hole_at_end) TRY(os::resize_file(out, size, name));
  return {};
}

}  // namespace kiln::snapshot
