// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace kiln::store {

/// The digests in a query's first column, where they stand as hex digits; `Id` is oci::Digest or
/// oci::DiffId. The query's parameters are bound.
template <typename Id>
Result<std::vector<Id>> digest_rows(Statement& query) {
  std::vector<Id> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    Id id = TRY(Id::parse("sha256:" + query.text(0)));
    out.push_back(std::move(id));
  }
}

}  // namespace kiln::store
