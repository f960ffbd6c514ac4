// SPDX-License-Identifier: Apache-2.0
#include "store/index_store.h"

#include <algorithm>

#include "oci/platform_match.h"
#include "os/system.h"
#include "store/digest_rows.h"
#include "store/name_rows.h"

namespace kiln::store {
namespace {

oci::Platform host_platform() { return {"linux", os::go_architecture(), {}}; }

Result<std::vector<std::string>> texts(Statement& query) {
  std::vector<std::string> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    out.push_back(query.text(0));
  }
}

}  // namespace

const Image* StoredIndex::find(const oci::Digest& manifest) const {
  const auto found = std::ranges::find(images, manifest, &Image::manifest);
  return found == images.end() ? nullptr : &*found;
}

const Image* StoredIndex::choose(const oci::Platform& platform) const {
  std::vector<oci::Descriptor> here;
  std::ranges::copy_if(
      content.manifests, std::back_inserter(here),
      [this](const oci::Descriptor& each) { return find(each.digest) != nullptr; });
  const auto chosen = oci::choose_manifest(here, platform);
  return chosen ? find(chosen->digest) : nullptr;
}

bool StoredIndex::is_complete() const {
  return std::ranges::all_of(content.manifests, [this](const oci::Descriptor& each) {
    return find(each.digest) != nullptr || std::ranges::find(blobs, each.digest) != blobs.end();
  });
}

Result<StoredIndex> IndexStore::put(const std::string& json,
                                    const std::vector<IndexedImage>& present,
                                    const std::vector<oci::Digest>& blobs,
                                    const std::vector<oci::Reference>& names,
                                    const std::optional<oci::Digest>& chosen) {
  const oci::Index index = TRY(oci::Index::parse(json));
  const oci::Digest digest = TRY(blobs_->put(json));
  TRY(insert(digest, index, present, blobs));
  auto stored = TRY(find(digest));
  if (!stored || stored->images.empty()) return corrupt("an index without an image");
  TRY(lead_names(*stored, names, chosen));
  stored = TRY(find(digest));
  CHECK(stored);
  return *std::move(stored);
}

Result<void> IndexStore::insert(const oci::Digest& digest, const oci::Index& index,
                                const std::vector<IndexedImage>& present,
                                const std::vector<oci::Digest>& blobs) {
  auto transaction = TRY(database_->begin());
  for (const auto& item : present) {
    const auto at = std::ranges::find(index.manifests, item.manifest, &oci::Descriptor::digest);
    auto row = TRY(
        database_->prepare("INSERT OR REPLACE INTO index_images (index_digest, manifest, image, "
                           "position) VALUES (?, ?, ?, ?)"));
    TRY(row.bind(0, digest.hex())
            .bind(1, item.manifest.hex())
            .bind(2, item.image.hex())
            .bind(3, static_cast<std::int64_t>(at - index.manifests.begin()))
            .run());
  }
  for (const auto& blob : blobs) {
    auto row = TRY(database_->prepare(
        "INSERT OR IGNORE INTO index_blobs (index_digest, digest) VALUES (?, ?)"));
    TRY(row.bind(0, digest.hex()).bind(1, blob.hex()).run());
  }
  return transaction.commit();
}

/// The new names; without a choice those that it has too: another image may serve them better now.
Result<void> IndexStore::lead_names(const StoredIndex& index,
                                    const std::vector<oci::Reference>& names,
                                    const std::optional<oci::Digest>& chosen) {
  const Image* image = index.choose(host_platform());
  if (image == nullptr) image = &index.images.front();
  if (chosen) {
    const auto found = std::ranges::find(index.images, *chosen, &Image::id);
    if (found != index.images.end()) image = &*found;
  }
  auto transaction = TRY(database_->begin());
  if (!chosen) {
    auto known = TRY(database_->prepare("UPDATE names SET image = ? WHERE index_digest = ?"));
    TRY(known.bind(0, image->id.hex()).bind(1, index.digest.hex()).run());
  }
  NameRows rows(*database_);
  for (const auto& name : names) TRY(rows.give(name, *image));
  TRY(transaction.commit());
  return images_->remove_unused_blobs(rows.left());
}

Result<std::optional<StoredIndex>> IndexStore::find(const oci::Digest& digest) const {
  auto query = TRY(database_->prepare(
      "SELECT image, manifest FROM index_images WHERE index_digest = ? ORDER BY position"));
  query.bind(0, digest.hex());
  StoredIndex out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) break;
    const oci::Digest id = TRY(oci::Digest::parse("sha256:" + query.text(0)));
    auto image = TRY(images_->find_by_id(id));
    if (!image) continue;
    image->manifest = TRY(oci::Digest::parse("sha256:" + query.text(1)));
    image->index = digest;
    out.images.push_back(*std::move(image));
  }
  if (out.images.empty()) return std::optional<StoredIndex>();
  const std::string json = TRY(blobs_->read(digest));
  out.digest = digest;
  out.size = json.size();
  out.content = TRY(oci::Index::parse(json));
  auto names = TRY(
      database_->prepare("SELECT reference FROM names WHERE index_digest = ? ORDER BY reference"));
  names.bind(0, digest.hex());
  out.names = TRY(texts(names));
  auto blobs = TRY(
      database_->prepare("SELECT digest FROM index_blobs WHERE index_digest = ? ORDER BY digest"));
  blobs.bind(0, digest.hex());
  out.blobs = TRY(digest_rows<oci::Digest>(blobs));
  return std::optional(std::move(out));
}

Result<std::vector<oci::Digest>> IndexStore::of_image(const oci::Digest& image) const {
  auto query = TRY(database_->prepare(
      "SELECT DISTINCT index_digest FROM index_images WHERE image = ? ORDER BY index_digest"));
  query.bind(0, image.hex());
  return digest_rows<oci::Digest>(query);
}

Result<std::optional<Image>> IndexStore::find_image(const std::string& text,
                                                    const oci::Platform& platform) const {
  const auto image = TRY(images_->find(text));
  if (!image) return std::optional<Image>();
  if (image->index) {
    const auto index = TRY(find(*image->index));
    const Image* chosen = index ? index->choose(platform) : nullptr;
    return chosen == nullptr ? std::optional<Image>() : std::optional(*chosen);
  }
  const oci::ImageConfig config = TRY(images_->config(*image));
  const bool fits =
      config.platform.architecture.empty() || oci::platform_fits(config.platform, platform);
  return fits ? image : std::optional<Image>();
}

Result<std::vector<Image>> IndexStore::only_here(const StoredIndex& index) const {
  std::vector<Image> out;
  for (const auto& image : index.images) {
    auto query = TRY(database_->prepare(
        "SELECT 1 FROM names WHERE image = ?1 AND index_digest != ?2 UNION ALL SELECT 1 FROM "
        "index_images x JOIN names n ON n.index_digest = x.index_digest WHERE x.image = ?1 AND "
        "x.index_digest != ?2 LIMIT 1"));
    const bool held = TRY(query.bind(0, image.id.hex()).bind(1, index.digest.hex()).step());
    if (!held) out.push_back(image);
  }
  return out;
}

Result<void> IndexStore::remove(const StoredIndex& index) {
  auto transaction = TRY(database_->begin());
  for (const char* sql : {"DELETE FROM names WHERE index_digest = ?",
                          "DELETE FROM index_images WHERE index_digest = ?",
                          "DELETE FROM index_blobs WHERE index_digest = ?"}) {
    auto statement = TRY(database_->prepare(sql));
    TRY(statement.bind(0, index.digest.hex()).run());
  }
  NameRows rows(*database_);
  for (const auto& image : index.images) TRY(rows.settle(image.id));
  TRY(transaction.commit());
  std::vector<oci::Digest> gone = index.blobs;
  gone.insert(gone.end(), rows.left().begin(), rows.left().end());
  gone.push_back(index.digest);
  for (const auto& image : index.images) gone.push_back(image.manifest);
  return images_->remove_unused_blobs(gone);
}

}  // namespace kiln::store
