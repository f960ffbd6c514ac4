// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "exporter/archive_file.h"
#include "os/dir.h"

namespace kiln::transport {

/// Files by relative path, of a directory or an archive. Thread-safe.
class FileReader {
 public:
  virtual ~FileReader() = default;
  virtual Result<bool> has(const std::string& path) const = 0;
  /// The source must not outlive this. Kind not_found or corrupt if there is no such plain file.
  virtual Result<std::unique_ptr<archive::ByteSource>> open(const std::string& path) const = 0;
  Result<std::string> read(const std::string& path, std::size_t limit) const;
};

/// No symlink is followed beneath the directory.
class DirectoryReader final : public FileReader {
 public:
  explicit DirectoryReader(os::Dir root) : root_(std::move(root)) {}
  Result<bool> has(const std::string& path) const override;
  Result<std::unique_ptr<archive::ByteSource>> open(const std::string& path) const override;

 private:
  os::Dir root_;
};

class ArchiveReader final : public FileReader {
 public:
  explicit ArchiveReader(exporter::ArchiveFile file) : file_(std::move(file)) {}
  Result<bool> has(const std::string& path) const override { return file_.has(path); }
  Result<std::unique_ptr<archive::ByteSource>> open(const std::string& path) const override {
    return file_.open_member(path);
  }
  std::optional<std::uint64_t> size(const std::string& path) const { return file_.size(path); }

 private:
  exporter::ArchiveFile file_;
};

}  // namespace kiln::transport
