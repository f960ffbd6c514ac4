// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace kiln::os {

/// The Error for a failed system call: kind by `error_number`, message `OPERATION OPERAND:
/// strerror`.
Error system_error(int error_number, std::string_view operation, std::string_view operand = {});

/// Owns a file descriptor; -1 owns nothing. All descriptors are opened O_CLOEXEC.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();
  Result<Fd> duplicate() const;

 private:
  int fd_ = -1;
};

/// A pipe's ends.
struct Pipe {
  Fd read_end;
  Fd write_end;
};
Result<Pipe> create_pipe();

/// Reads up to `into.size()` bytes; 0 at the end. `name` is for errors.
Result<std::size_t> read_some(const Fd& fd, std::span<std::byte> into, std::string_view name);
/// Until there is something to read, or the end; kind cancelled once `stop` asks for it, which is
/// seen within a tenth of a second.
Result<void> wait_until_readable(const Fd& fd, const std::stop_token& stop, std::string_view name);
Result<void> write_all(const Fd& fd, std::span<const std::byte> data, std::string_view name);
Result<void> write_all(const Fd& fd, std::string_view text, std::string_view name);
/// The whole content; kind invalid_input if it is more than `limit` bytes.
Result<std::string> read_all(const Fd& fd, std::string_view name, std::size_t limit);

/// By plain path, following symlinks: for paths that the user or the machine names, never for paths
/// inside an image (those go through Dir).
Result<Fd> open_file(const std::string& path, int flags, unsigned mode = 0);
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{64} << 20);
/// A name beside `path` to write it under first, another at each call and in each process.
std::string temporary_beside(const std::string& path);
/// Writes to a temporary name beside `path` and renames it into place.
Result<void> write_file_atomically(const std::string& path, std::string_view content,
                                   unsigned mode = 0644);
bool path_exists(const std::string& path);
/// mkdir -p.
Result<void> ensure_directory(const std::string& path, unsigned mode = 0755);

}  // namespace kiln::os
