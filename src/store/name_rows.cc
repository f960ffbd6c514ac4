// SPDX-License-Identifier: Apache-2.0
#include "store/name_rows.h"

#include <optional>

namespace kiln::store {
namespace {

std::string key_of(const oci::Reference& name) {
  return name.without_digest().with_default_tag().canonical();
}

}  // namespace

/// The columns image and manifest of the one row that the statement takes away.
Result<std::optional<NameRows::Target>> NameRows::taken(Statement& statement) {
  const bool found = TRY(statement.step());
  if (!found) return std::optional<Target>();
  Target out;
  out.image = TRY(oci::Digest::parse("sha256:" + statement.text(0)));
  const std::string manifest = statement.text(1);
  if (!manifest.empty()) out.manifest = TRY(oci::Digest::parse("sha256:" + manifest));
  TRY(statement.step());
  return std::optional(std::move(out));
}

Result<std::optional<NameRows::Target>> NameRows::take_row(const oci::Reference& name) {
  auto row =
      TRY(database_->prepare("DELETE FROM names WHERE reference = ? RETURNING image, manifest"));
  return taken(row.bind(0, key_of(name)));
}

Result<void> NameRows::give(const oci::Reference& name, const Image& image) {
  const auto former = TRY(take_row(name));
  auto row = TRY(database_->prepare(
      "INSERT INTO names (reference, image, index_digest, manifest) VALUES (?, ?, ?, ?)"));
  TRY(row.bind(0, key_of(name))
          .bind(1, image.id.hex())
          .bind(2, image.index ? image.index->hex() : std::string())
          .bind(3, image.index ? std::string() : image.manifest.hex())
          .run());
  return former ? leave(*former) : Result<void>();
}

Result<bool> NameRows::take(const oci::Reference& name) {
  const auto former = TRY(take_row(name));
  if (former) TRY(leave(*former));
  return former.has_value();
}

Result<void> NameRows::leave(const Target& former) {
  if (!former.manifest) return {};
  left_.push_back(*former.manifest);
  auto digests = TRY(
      database_->prepare("DELETE FROM image_digests WHERE manifest = ?1 AND pulled = 0 AND image = "
                         "?2 AND EXISTS (SELECT 1 FROM names WHERE image = ?2) AND NOT EXISTS "
                         "(SELECT 1 FROM names WHERE names.manifest = ?1)"));
  TRY(digests.bind(0, former.manifest->hex()).bind(1, former.image.hex()).run());
  return settle(former.image);
}

Result<bool> NameRows::take_digest(const oci::Reference& reference) {
  auto row = TRY(
      database_->prepare("DELETE FROM image_digests WHERE repository = ? AND digest = ? RETURNING "
                         "image, manifest"));
  const auto former = TRY(taken(
      row.bind(0, reference.domain() + "/" + reference.path()).bind(1, reference.digest()->hex())));
  if (!former) return false;
  if (former->manifest) left_.push_back(*former->manifest);
  TRY(settle(former->image));
  return true;
}

Result<void> NameRows::settle(const oci::Digest& image) {
  auto held = TRY(
      database_->prepare("SELECT manifest FROM names WHERE image = ?1 AND manifest <> '' UNION ALL "
                         "SELECT manifest FROM image_digests WHERE image = ?1 AND manifest <> '' "
                         "UNION ALL SELECT manifest FROM index_images WHERE image = ?1"));
  held.bind(0, image.hex());
  auto own = TRY(database_->prepare("SELECT manifest FROM images WHERE id = ?"));
  const bool there = TRY(own.bind(0, image.hex()).step());
  if (!there) return {};
  std::string other;
  for (;;) {
    const bool more = TRY(held.step());
    if (!more) break;
    if (held.text(0) == own.text(0)) return {};
    if (other.empty()) other = held.text(0);
  }
  if (other.empty()) return {};
  const oci::Digest former = TRY(oci::Digest::parse("sha256:" + own.text(0)));
  left_.push_back(former);
  auto row = TRY(database_->prepare("UPDATE images SET manifest = ?2 WHERE id = ?1"));
  return row.bind(0, image.hex()).bind(1, other).run();
}

}  // namespace kiln::store
