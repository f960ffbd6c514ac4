// SPDX-License-Identifier: Apache-2.0
#include "os/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace kiln::os {

Result<Fd> open_for_reading(const std::string& path) { return open_file(path, O_RDONLY); }

Result<Fd> create_file(const std::string& path, unsigned mode) {
  return open_file(path, O_RDWR | O_CREAT | O_EXCL, mode);
}

Result<Fd> create_or_truncate_file(const std::string& path, unsigned mode) {
  return open_file(path, O_RDWR | O_CREAT | O_TRUNC, mode);
}

Result<std::size_t> read_at(const Fd& fd, std::span<std::byte> into, std::uint64_t offset,
                            std::string_view name) {
  for (;;) {
    const ssize_t n = ::pread(fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return system_error(errno, "read", name);
  }
}

Result<void> write_at(const Fd& fd, std::span<const std::byte> data, std::uint64_t offset,
                      std::string_view name) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "write", name);
    }
    data = data.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> resize_file(const Fd& fd, std::uint64_t size, std::string_view name) {
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    return system_error(errno, "resize", name);
  return {};
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error(errno, "rename " + from + " to", to);
  return {};
}

void remove_file(const std::string& path) { ::unlink(path.c_str()); }

Result<void> sync_file(const Fd& fd, const std::string& name) {
  if (::fdatasync(fd.get()) != 0 && errno != EINVAL) return system_error(errno, "sync", name);
  return {};
}

Result<Fd> standard_input() {
  Fd copy(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!copy) return system_error(errno, "open", "standard input");
  return copy;
}

}  // namespace kiln::os
