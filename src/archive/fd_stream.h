// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "archive/byte_stream.h"
#include "os/fd.h"

namespace kiln::archive {

/// Reads a descriptor that someone else keeps open, from its current offset. `name` is for errors.
class FdSource final : public ByteSource {
 public:
  FdSource(const os::Fd& fd, std::string name) : fd_(&fd), name_(std::move(name)) {}
  Result<std::size_t> read(MutableBytes into) override { return os::read_some(*fd_, into, name_); }

 private:
  const os::Fd* fd_;
  std::string name_;
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
