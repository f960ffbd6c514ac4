// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cache/storage.h"
#include "registry/repository.h"
#include "registry/upload.h"
#include "store/store.h"

namespace kiln::cache {

/// A repository of a registry. `registries` and `store`, whose notes on repositories it reads and
/// writes, must outlive it.
class RegistryStorage final : public Storage {
 public:
  static Result<std::unique_ptr<RegistryStorage>> open(store::Store& store,
                                                       registry::Registries& registries,
                                                       const oci::Reference& repository);

  const std::string& name() const override { return name_; }
  const oci::Reference* repository() const override { return &reference_; }
  Result<std::optional<std::string>> find_manifest(const std::string& tag,
                                                   const std::stop_token& stop) override;
  Result<void> fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          const std::stop_token& stop) override;
  /// Also where another repository of the registry has it and gives it here.
  Result<bool> has_blob(const oci::Digest& digest, const std::stop_token& stop) override;
  Result<void> put_blob(registry::BlobContent& content, const std::stop_token& stop) override;
  Result<void> put_manifest(const std::string& tag, const std::string& content,
                            const std::stop_token& stop) override;
  Result<void> commit() override { return {}; }

 private:
  RegistryStorage(store::Store& store, oci::Reference reference, registry::Repository from,
                  registry::Uploader to)
      : store_(&store),
        reference_(std::move(reference)),
        name_("type=registry,ref=" + reference_.familiar_name()),
        from_(std::move(from)),
        to_(std::move(to)) {}

  store::Store* store_;
  oci::Reference reference_;
  std::string name_;
  registry::Repository from_;
  registry::Uploader to_;
};

}  // namespace kiln::cache
