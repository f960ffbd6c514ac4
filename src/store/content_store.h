// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "base/sha256.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "os/fd.h"
#include "os/file_lock.h"
#include "store/store_paths.h"
#include "store/workspace.h"

namespace kiln::store {

/// A blob being written: under tmp/ until commit(), discarded without it. One that was resumed is
/// under partial/, and stays there without commit() for the next to go on with.
class Ingest final : public archive::ByteSink {
 public:
  Ingest(Ingest&& other) noexcept;
  Ingest& operator=(Ingest&&) = delete;
  ~Ingest() override;
  Result<void> write(archive::Bytes data) override;
  std::uint64_t size() const { return size_; }
  /// Gives `sink` what is there of an earlier attempt. The bytes are to come back by write(),
  /// before any others: all of the blob passes through it, and these are not written again.
  Result<void> copy_earlier(archive::ByteSink& sink) const;
  /// Nobody is to go on with it.
  void discard() { lasting_ = false; }
  /// Gives the blob its name and returns it.
  Result<oci::Digest> commit();
  /// Kind corrupt, and nothing kept, if the bytes are not what `expected` says.
  Result<void> commit_as(const oci::Digest& expected);

 private:
  friend class ContentStore;
  Ingest(os::Fd fd, std::string path, StorePaths paths)
      : fd_(std::move(fd)), path_(std::move(path)), paths_(std::move(paths)) {}
  Result<void> publish(const oci::Digest& digest);
  os::Fd fd_;
  std::string path_;
  StorePaths paths_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  std::uint64_t earlier_ = 0;  ///< bytes that were there when it was resumed
  std::optional<os::FileLock> lock_;
  bool lasting_ = false;
};

/// Blobs by digest.
class ContentStore {
 public:
  ContentStore(StorePaths paths, Workspace& workspace)
      : paths_(std::move(paths)), workspace_(&workspace) {}

  Result<Ingest> create();
  /// A blob that an earlier attempt, maybe of a process that was killed, may have begun. While
  /// another process is at it, it is as of create().
  Result<Ingest> resume(const oci::Descriptor& blob);
  /// Deletes what nobody goes on with, if it was last written to so many seconds ago; the bytes
  /// that it took.
  Result<std::uint64_t> remove_partial(std::int64_t min_age) const;
  Result<oci::Digest> put(std::string_view content);
  bool has(const oci::Digest& digest) const;
  Result<os::Fd> open(const oci::Digest& digest) const;
  /// Its bytes, unchecked.
  Result<std::unique_ptr<archive::ByteSource>> open_source(const oci::Digest& digest) const;
  /// The whole blob, checked against its digest (kind corrupt); for manifests and configs.
  Result<std::string> read(const oci::Digest& digest) const;
  Result<void> remove(const oci::Digest& digest) const;

 private:
  StorePaths paths_;
  Workspace* workspace_;
};

}  // namespace kiln::store
