// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "archive/byte_stream.h"
#include "os/fd.h"

namespace kiln::archive {

/// Reads a descriptor that someone else keeps open, from its current offset. `name` is for errors.
/// Once `stop` asks for it, reading fails with kind cancelled, also where a pipe has nothing yet.
class FdSource final : public ByteSource {
 public:
  FdSource(const os::Fd& fd, std::string name, std::stop_token stop = {})
      : fd_(&fd), name_(std::move(name)), stop_(std::move(stop)) {}
  Result<std::size_t> read(MutableBytes into) override {
    if (stop_.stop_possible()) TRY(os::wait_until_readable(*fd_, stop_, name_));
    return os::read_some(*fd_, into, name_);
  }

 private:
  const os::Fd* fd_;
  std::string name_;
  std::stop_token stop_;
};

/// Reads from a descriptor that it owns.
class FileSource final : public ByteSource {
 public:
  FileSource(os::Fd fd, const std::string& name) : fd_(std::move(fd)), source_(fd_, name) {}
  Result<std::size_t> read(MutableBytes into) override { return source_.read(into); }

 private:
  os::Fd fd_;
  FdSource source_;
};

/// Writes, unbuffered, to a descriptor that someone else keeps open. `name` is for errors.
class FdSink final : public ByteSink {
 public:
  FdSink(const os::Fd& fd, std::string name) : fd_(&fd), name_(std::move(name)) {}
  Result<void> write(Bytes data) override { return os::write_all(*fd_, data, name_); }

 private:
  const os::Fd* fd_;
  std::string name_;
};

}  // namespace kiln::archive
