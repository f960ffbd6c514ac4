// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "store/database.h"
#include "store/image_store.h"

namespace kiln::store {

/// What names lead to, as a transaction of the caller's changes it. Digests that stand for a
/// manifest go with its last name, but for those that were pulled by themselves.
class NameRows {
 public:
  explicit NameRows(const Database& database) : database_(&database) {}

  /// The name leads to the image's manifest, or to the index through which it was found.
  Result<void> give(const oci::Reference& name, const Image& image);
  /// Whether the name was there.
  Result<bool> take(const oci::Reference& name);
  /// Of name@digest: whether it was there.
  Result<bool> take_digest(const oci::Reference& reference);
  /// An image that lost a name has a manifest that something else still leads to, if there is one.
  Result<void> settle(const oci::Digest& image);
  /// Manifests that names led to before: perhaps nothing refers to them any more.
  const std::vector<oci::Digest>& left() const { return left_; }

 private:
  /// What a name led to.
  struct Target {
    oci::Digest image;
    std::optional<oci::Digest> manifest;
  };
  static Result<std::optional<Target>> taken(Statement& statement);
  Result<std::optional<Target>> take_row(const oci::Reference& name);
  Result<void> leave(const Target& former);

  const Database* database_;
  std::vector<oci::Digest> left_;
};

}  // namespace kiln::store
