// SPDX-License-Identifier: Apache-2.0
#include "os/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace kiln::os {
namespace {

ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorKind::already_exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::permission;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      return ErrorKind::no_space;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorKind::unsupported;
    default:
      return ErrorKind::system;
  }
}

}  // namespace

Error system_error(int error_number, std::string_view operation, std::string_view operand) {
  std::string message(operation);
  if (!operand.empty()) message.append(" ").append(operand);
  message.append(": ").append(std::strerror(error_number));
  return {kind_of(error_number), std::move(message)};
}

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Fd> Fd::duplicate() const {
  Fd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
  if (!copy) return system_error(errno, "duplicate a file descriptor");
  return copy;
}

Result<Pipe> create_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<std::size_t> read_some(const Fd& fd, std::span<std::byte> into, std::string_view name) {
  for (;;) {
    const ssize_t n = ::read(fd.get(), into.data(), into.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return system_error(errno, "read", name);
  }
}

Result<void> wait_until_readable(const Fd& fd, const std::stop_token& stop, std::string_view name) {
  constexpr int kTickMilliseconds = 100;
  for (;;) {
    if (stop.stop_requested()) return cancelled();
    pollfd one = {fd.get(), POLLIN, 0};
    const int n = ::poll(&one, 1, kTickMilliseconds);
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return system_error(errno, "wait for", name);
  }
}

Result<void> write_all(const Fd& fd, std::span<const std::byte> data, std::string_view name) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd.get(), data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "write", name);
    }
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> write_all(const Fd& fd, std::string_view text, std::string_view name) {
  return write_all(fd, std::as_bytes(std::span(text)), name);
}

Result<std::string> read_all(const Fd& fd, std::string_view name, std::size_t limit) {
  std::string out;
  struct stat info{};
  if (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
    out.reserve(std::min(static_cast<std::size_t>(info.st_size), limit));
  std::byte buffer[65536];
  for (;;) {
    const std::size_t n = TRY(read_some(fd, buffer, name));
    if (n == 0) return out;
    if (out.size() + n > limit)
      return invalid_input(std::string(name) + " is larger than " + std::to_string(limit) +
                           " bytes");
    out.append(reinterpret_cast<const char*>(buffer), n);
  }
}

Result<Fd> open_file(const std::string& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return system_error(errno, (flags & O_CREAT) != 0 ? "create" : "open", path);
  return fd;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  return read_all(fd, path, limit);
}

std::string temporary_beside(const std::string& path) {
  static std::atomic<unsigned> calls;
  return path + ".new." + std::to_string(::getpid()) + "." + std::to_string(calls++);
}

Result<void> write_file_atomically(const std::string& path, std::string_view content,
                                   unsigned mode) {
  const std::string temporary = temporary_beside(path);
  {
    const Fd fd = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
    auto written = write_all(fd, content, path);
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(temporary.c_str());
    return system_error(error_number, "write", path);
  }
  return {};
}

bool path_exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

Result<void> ensure_directory(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == EEXIST) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    return system_error(ENOTDIR, "create folder", path);
  }
  const auto slash = path.find_last_of('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0)
    return system_error(errno, "create folder", path);
  TRY(ensure_directory(path.substr(0, slash), mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return system_error(errno, "create folder", path);
  return {};
}

}  // namespace kiln::os
