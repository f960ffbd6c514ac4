// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "archive/tar_writer.h"
#include "base/result.h"
#include "oci/manifest.h"
#include "os/dir.h"
#include "registry/upload.h"
#include "store/store.h"

namespace kiln::transport {

/// Files by relative path, into a directory or an archive. Thread-safe.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual Result<void> add_directory(const std::string& path) = 0;
  /// Takes the place of what was there.
  virtual Result<void> add(const std::string& path, std::string_view content) = 0;
  /// Whether a plain file of that size is there.
  virtual Result<bool> has(const std::string& path, std::uint64_t size) = 0;
  /// Writes a blob to the path that its digest gives it; `expected` as in ImageDestination.
  using PathOf = std::function<std::string(const oci::Digest& digest)>;
  virtual Result<void> add_blob(registry::BlobContent& content,
                                const std::optional<oci::Descriptor>& expected,
                                const PathOf& path_of) = 0;
  /// How many blobs may come at once, for the result to depend on nothing but what they are.
  virtual unsigned blobs_at_once() const = 0;
  virtual Result<void> finish() = 0;
};

/// Nothing outside of the directory is written to, whatever is in it: no symlink is followed
/// beneath it. Files get their names when they are whole.
class DirectoryWriter final : public FileWriter {
 public:
  /// Makes the directory if it is not there.
  static Result<DirectoryWriter> open(const std::string& path);
  Result<void> add_directory(const std::string& path) override;
  Result<void> add(const std::string& path, std::string_view content) override;
  Result<bool> has(const std::string& path, std::uint64_t size) override;
  Result<void> add_blob(registry::BlobContent& content,
                        const std::optional<oci::Descriptor>& expected,
                        const PathOf& path_of) override;
  unsigned blobs_at_once() const override { return 3; }
  Result<void> finish() override { return {}; }
  const os::Dir& root() const { return root_; }

 private:
  explicit DirectoryWriter(os::Dir root) : root_(std::move(root)) {}
  Result<void> put(const std::string& path, const std::string& made);
  os::Dir root_;
};

/// One tar archive, whose members stand in the order in which they came. A blob whose size is not
/// known before is kept in the store's tmp/ first.
class ArchiveFileWriter final : public FileWriter {
 public:
  ArchiveFileWriter(store::Store& store, archive::ByteSink& sink) : store_(&store), tar_(sink) {}
  Result<void> add_directory(const std::string& path) override;
  Result<void> add(const std::string& path, std::string_view content) override;
  Result<bool> has(const std::string& path, std::uint64_t size) override;
  Result<void> add_blob(registry::BlobContent& content,
                        const std::optional<oci::Descriptor>& expected,
                        const PathOf& path_of) override;
  unsigned blobs_at_once() const override { return 1; }
  Result<void> finish() override { return tar_.finish(); }

 private:
  Result<void> add_content(const std::string& path, std::uint64_t size,
                           archive::ByteSource& source);
  store::Store* store_;
  std::mutex mutex_;
  archive::TarWriter tar_;       // guarded by mutex_
  std::set<std::string> added_;  // guarded by mutex_
};

}  // namespace kiln::transport
