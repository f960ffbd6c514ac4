// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "base/sha256.h"
#include "oci/digest.h"
#include "os/fd.h"
#include "store/store_paths.h"
#include "store/workspace.h"

namespace kiln::store {

/// A blob being written: under tmp/ until commit(), discarded without it.
class Ingest final : public archive::ByteSink {
 public:
  Ingest(Ingest&& other) noexcept;
  Ingest& operator=(Ingest&&) = delete;
  ~Ingest() override;
  Result<void> write(archive::Bytes data) override;
  std::uint64_t size() const { return size_; }
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
};

/// Blobs by digest.
class ContentStore {
 public:
  ContentStore(StorePaths paths, Workspace& workspace)
      : paths_(std::move(paths)), workspace_(&workspace) {}

  Result<Ingest> create();
  Result<oci::Digest> put(std::string_view content);
  bool has(const oci::Digest& digest) const;
  Result<os::Fd> open(const oci::Digest& digest) const;
  /// The whole blob, checked against its digest (kind corrupt); for manifests and configs.
  Result<std::string> read(const oci::Digest& digest) const;
  Result<void> remove(const oci::Digest& digest) const;

 private:
  StorePaths paths_;
  Workspace* workspace_;
};

}  // namespace kiln::store
