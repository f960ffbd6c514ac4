// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cache/storage.h"
#include "os/dir.h"
#include "os/file_lock.h"

namespace kiln::cache {

/// A directory as an OCI image layout (image spec, image-layout.md), whose index.json names the
/// manifests by their tags. Beside what the specification has, `kiln.lock`: an flock that is held
/// while the index is replaced, so that several writers' entries are all in it.
class LocalStorage final : public Storage {
 public:
  /// Kind not_found if it is not there or has no index.
  static Result<std::unique_ptr<LocalStorage>> open(const std::string& path);
  /// Makes it if it is not there.
  static Result<std::unique_ptr<LocalStorage>> open_for_writing(const std::string& path);

  const std::string& name() const override { return name_; }
  const oci::Reference* repository() const override { return nullptr; }
  Result<std::optional<std::string>> find_manifest(const std::string& tag,
                                                   const std::stop_token& stop) override;
  Result<void> fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          const std::stop_token& stop) override;
  Result<bool> has_blob(const oci::Digest& digest, const std::stop_token& stop) override;
  Result<void> put_blob(registry::BlobContent& content, const std::stop_token& stop) override;
  Result<void> put_manifest(const std::string& tag, const std::string& content,
                            const std::stop_token& stop) override;
  Result<void> commit() override;

 private:
  LocalStorage(std::string path, os::Dir root)
      : path_(std::move(path)), name_("type=local,src=" + path_), root_(std::move(root)) {}
  Result<void> read_index();

  std::string path_, name_;
  os::Dir root_;
  std::mutex mutex_;
  std::map<std::string, oci::Descriptor> tags_;     // guarded by mutex_; from the index
  std::map<std::string, oci::Descriptor> written_;  // guarded by mutex_; not in the index yet
};

}  // namespace kiln::cache
