// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/index_entry.h"
#include "oci/reference.h"
#include "store/database.h"

namespace kiln::store {

/// A manifest of a list that is being put together.
struct ListedManifest {
  /// Canonical; of an image of the store behind `store:`.
  std::string reference;
  oci::IndexEntry entry;
  std::string content;
};

/// What `manifest create` and `annotate` make and `manifest push` sends: indexes that are still
/// being written, by name. They need not be here with their images. Thread-safe.
class ManifestLists {
 public:
  explicit ManifestLists(const Database& database) : database_(&database) {}

  /// Its manifests, ordered as docker orders them: by reference, `/` taken for `_` and `:` for `-`.
  /// nullopt if there is no such list.
  Result<std::optional<std::vector<ListedManifest>>> find(const oci::Reference& list) const;
  /// Adds manifests, or replaces those of the same references.
  Result<void> put(const oci::Reference& list, const std::vector<ListedManifest>& manifests);
  /// Whether there was one.
  Result<bool> remove(const oci::Reference& list);

 private:
  const Database* database_;
};

}  // namespace kiln::store
