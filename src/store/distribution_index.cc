// SPDX-License-Identifier: Apache-2.0
#include "store/distribution_index.h"

namespace kiln::store {
namespace {

/// A query's columns repository and digest, as references.
Result<std::vector<std::string>> digest_names(Statement& query) {
  std::vector<std::string> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    const oci::Reference name =
        TRY(oci::Reference::parse(query.text(0) + "@sha256:" + query.text(1)));
    out.push_back(name.familiar());
  }
}

}  // namespace

Result<void> DistributionIndex::note_layer_blob(const oci::DiffId& layer,
                                                const oci::Descriptor& blob) {
  auto transaction = TRY(database_->begin());
  {
    auto row =
        TRY(database_->prepare("INSERT OR REPLACE INTO layer_blobs (diff_id, digest, media_type, "
                               "size) VALUES (?, ?, ?, ?)"));
    TRY(row.bind(0, layer.hex())
            .bind(1, blob.digest.hex())
            .bind(2, blob.media_type)
            .bind(3, static_cast<std::int64_t>(blob.size))
            .run());
  }
  return transaction.commit();
}

Result<std::vector<oci::Descriptor>> DistributionIndex::layer_blobs(
    const oci::DiffId& layer) const {
  auto query = TRY(database_->prepare(
      "SELECT digest, media_type, size FROM layer_blobs WHERE diff_id = ? ORDER BY digest"));
  query.bind(0, layer.hex());
  std::vector<oci::Descriptor> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    oci::Descriptor blob;
    blob.digest = TRY(oci::Digest::parse("sha256:" + query.text(0)));
    blob.media_type = query.text(1);
    blob.size = static_cast<std::uint64_t>(query.number(2));
    out.push_back(std::move(blob));
  }
}

Result<void> DistributionIndex::note_place(const oci::Digest& blob,
                                           const oci::Reference& repository) {
  auto transaction = TRY(database_->begin());
  {
    auto row = TRY(database_->prepare(
        "INSERT OR IGNORE INTO blob_places (digest, domain, path) VALUES (?, ?, ?)"));
    TRY(row.bind(0, blob.hex()).bind(1, repository.domain()).bind(2, repository.path()).run());
  }
  return transaction.commit();
}

Result<std::vector<std::string>> DistributionIndex::places(const oci::Digest& blob,
                                                           const std::string& domain) const {
  auto query = TRY(database_->prepare(
      "SELECT path FROM blob_places WHERE digest = ? AND domain = ? ORDER BY path LIMIT 16"));
  query.bind(0, blob.hex()).bind(1, domain);
  std::vector<std::string> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    out.push_back(query.text(0));
  }
}

Result<void> DistributionIndex::note_image_digest(const oci::Reference& repository,
                                                  const oci::Digest& digest, const Image& image) {
  auto transaction = TRY(database_->begin());
  {
    auto row =
        TRY(database_->prepare("INSERT INTO image_digests (repository, digest, image, manifest, "
                               "pulled) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET image = "
                               "excluded.image, manifest = excluded.manifest, pulled = max(pulled, "
                               "excluded.pulled)"));
    TRY(row.bind(0, repository.domain() + "/" + repository.path())
            .bind(1, digest.hex())
            .bind(2, image.id.hex())
            .bind(3, image.index ? std::string() : image.manifest.hex())
            .bind(4, std::int64_t{repository.digest().has_value()})
            .run());
  }
  return transaction.commit();
}

Result<bool> DistributionIndex::is_known(const oci::Digest& digest) const {
  auto query = TRY(database_->prepare("SELECT 1 FROM image_digests WHERE digest = ? LIMIT 1"));
  return query.bind(0, digest.hex()).step();
}

Result<std::vector<std::string>> DistributionIndex::image_digests(const oci::Digest& image) const {
  auto query = TRY(database_->prepare(
      "SELECT repository, digest FROM image_digests WHERE image = ? ORDER BY repository, digest"));
  query.bind(0, image.hex());
  return digest_names(query);
}

Result<std::vector<std::string>> DistributionIndex::digests_of(const Image& image) const {
  auto query = TRY(database_->prepare(
      image.index ? "SELECT repository, digest FROM image_digests d WHERE image = ?1 AND (digest = "
                    "?2 OR manifest = '' AND NOT EXISTS (SELECT 1 FROM index_images x WHERE "
                    "x.index_digest = d.digest)) ORDER BY repository, digest"
                  : "SELECT repository, digest FROM image_digests WHERE image = ?1 AND manifest IN "
                    "('', ?2) ORDER BY repository, digest"));
  query.bind(0, image.id.hex()).bind(1, image.index.value_or(image.manifest).hex());
  return digest_names(query);
}

}  // namespace kiln::store
