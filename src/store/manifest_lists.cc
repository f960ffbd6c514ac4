// SPDX-License-Identifier: Apache-2.0
#include "store/manifest_lists.h"

#include <algorithm>

#include "base/json.h"

namespace kiln::store {
namespace {

std::string position_of(std::string reference) {
  std::ranges::replace(reference, '/', '_');
  std::ranges::replace(reference, ':', '-');
  return reference;
}

}  // namespace

Result<std::optional<std::vector<ListedManifest>>> ManifestLists::find(
    const oci::Reference& list) const {
  auto query = TRY(database_->prepare(
      "SELECT reference, entry, content FROM manifest_lists WHERE list = ? ORDER BY position"));
  query.bind(0, list.canonical());
  std::vector<ListedManifest> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) break;
    ListedManifest manifest;
    manifest.reference = query.text(0);
    const auto entry = TRY(parse_json(query.text(1), "manifest list"));
    manifest.entry = TRY(oci::IndexEntry::parse(entry).context("manifest list"));
    manifest.content = query.text(2);
    out.push_back(std::move(manifest));
  }
  if (out.empty()) return std::optional<std::vector<ListedManifest>>();
  return std::optional(std::move(out));
}

Result<void> ManifestLists::put(const oci::Reference& list,
                                const std::vector<ListedManifest>& manifests) {
  auto transaction = TRY(database_->begin());
  for (const auto& manifest : manifests) {
    auto row =
        TRY(database_->prepare("INSERT OR REPLACE INTO manifest_lists (list, reference, position, "
                               "entry, content) VALUES (?, ?, ?, ?, ?)"));
    TRY(row.bind(0, list.canonical())
            .bind(1, manifest.reference)
            .bind(2, position_of(manifest.reference))
            .bind(3, dump_json(nlohmann::json(manifest.entry.to_json())))
            .bind(4, manifest.content)
            .run());
  }
  return transaction.commit();
}

Result<bool> ManifestLists::remove(const oci::Reference& list) {
  auto transaction = TRY(database_->begin());
  bool found = false;
  {
    auto query = TRY(database_->prepare("SELECT 1 FROM manifest_lists WHERE list = ? LIMIT 1"));
    query.bind(0, list.canonical());
    found = TRY(query.step());
  }
  {
    auto rows = TRY(database_->prepare("DELETE FROM manifest_lists WHERE list = ?"));
    TRY(rows.bind(0, list.canonical()).run());
  }
  TRY(transaction.commit());
  return found;
}

}  // namespace kiln::store
