// SPDX-License-Identifier: Apache-2.0
#include "os/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

Result<Fd> open_for_appending(const std::string& path, unsigned mode) {
  return open_file(path, O_RDWR | O_CREAT | O_APPEND, mode);
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

Result<void> rewind_file(const Fd& fd, std::string_view name) {
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return system_error(errno, "seek in", name);
  return {};
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return system_error(errno, "rename " + from + " to", to);
  return {};
}

void remove_file(const std::string& path) { ::unlink(path.c_str()); }

Result<void> sync_file(const Fd& fd, const std::string& name) {
  if (::fdatasync(fd.get()) != 0 && errno != EINVAL) return system_error(errno, "sync", name);
  return {};
}

Result<void> sync_file_system(const std::string& path) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  if (::syncfs(fd.get()) != 0) return system_error(errno, "sync the file system of", path);
  return {};
}

Result<std::uint64_t> file_size(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return system_error(errno, "stat", path);
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::uint64_t> free_space(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return system_error(errno, "statvfs", path);
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

namespace {

/// A file without a name in `path`'s directory: of a process that is killed nothing stays. Not
/// every file system has such.
Result<Fd> create_nameless(const std::string& path, unsigned mode) {
  const auto slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return open_file(folder, O_TMPFILE | O_WRONLY, mode);
}

Result<void> give_name(const Fd& fd, const std::string& path) {
  const std::string by_number = "/proc/self/fd/" + std::to_string(fd.get());
  if (::linkat(AT_FDCWD, by_number.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return system_error(errno, "create", path);
  return {};
}

}  // namespace

Result<void> write_output_file(const std::string& path, unsigned mode,
                               const std::function<Result<void>(const Fd&)>& write) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    const Fd fd = TRY(open_file(path, O_WRONLY));
    return write(fd);
  }
  const auto slash = path.find_last_of('/');
  if (slash != std::string::npos && !path_exists(path.substr(0, slash + 1)))
    return system_error(ENOENT, "create", path);
  const std::string temporary = temporary_beside(path);
  {
    auto nameless = create_nameless(path, mode);
    const bool has_name = !nameless;
    if (has_name) nameless = create_or_truncate_file(temporary, mode);
    const Fd fd = TRY(std::move(nameless));
    auto written = write(fd);
    if (written && !has_name) written = give_name(fd, temporary);
    if (!written) {
      remove_file(temporary);
      return written;
    }
  }
  auto renamed = rename_file(temporary, path);
  if (!renamed) remove_file(temporary);
  return renamed;
}

Result<void> write_output_file(const std::string& path, unsigned mode, std::string_view text) {
  return write_output_file(path, mode, [&](const Fd& fd) { return write_all(fd, text, path); });
}

namespace {

Result<Fd> standard_stream(int fd, const char* name) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return system_error(errno, "open", name);
  return copy;
}

}  // namespace

Result<Fd> standard_input() { return standard_stream(STDIN_FILENO, "standard input"); }
Result<Fd> standard_output() { return standard_stream(STDOUT_FILENO, "standard output"); }
Result<Fd> standard_error() { return standard_stream(STDERR_FILENO, "standard error"); }

}  // namespace kiln::os
