// SPDX-License-Identifier: Apache-2.0
#include "store/image_store.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/strings.h"
#include "oci/manifest.h"
#include "store/digest_rows.h"
#include "store/layer_size.h"
#include "store/name_rows.h"

namespace kiln::store {
namespace {

/// The manifest of an image as it is in the store: layers as they came, else as plain tar streams.
oci::Manifest make_manifest(const oci::Digest& config, std::size_t config_size,
                            const std::vector<LayerInfo>& layers) {
  oci::Manifest manifest;
  manifest.config = {std::string(oci::media_type::kOciConfig), config, config_size, {}, {}};
  for (const auto& layer : layers) {
    if (layer.blob) {
      manifest.layers.push_back(*layer.blob);
      manifest.layers.back().media_type = oci::media_type::as_oci(layer.blob->media_type);
    } else {
      oci::Descriptor descriptor;
      descriptor.media_type = oci::media_type::kOciLayer;
      descriptor.digest = oci::Digest::parse(layer.diff_id.str()).value();
      descriptor.size = layer.tar_size;
      manifest.layers.push_back(std::move(descriptor));
    }
  }
  return manifest;
}

/// What a manifest from elsewhere says of the sizes of its config and layers.
Result<void> check_sizes(const std::string& manifest_json, const std::string& config_json,
                         const std::vector<LayerInfo>& layers, const ContentStore& blobs) {
  const oci::Manifest manifest = TRY(oci::Manifest::parse(manifest_json));
  TRY(check_size(manifest.config, config_json.size()));
  if (manifest.layers.size() != layers.size())
    return corrupt("the image's config and its manifest differ in the number of layers");
  for (std::size_t i = 0; i < layers.size(); ++i)
    TRY(check_layer_size(blobs, layers[i], manifest.layers[i]));
  return {};
}

}  // namespace

Result<Image> ImageStore::put(const std::string& config_json,
                              const std::vector<oci::Reference>& names) {
  return put_image(config_json, std::nullopt, names);
}

Result<Image> ImageStore::put_with_manifest(const std::string& config_json,
                                            const std::string& manifest_json,
                                            const std::vector<oci::Reference>& names) {
  return put_image(config_json, manifest_json, names);
}

Result<Image> ImageStore::put_image(const std::string& config_json,
                                    const std::optional<std::string>& manifest_json,
                                    const std::vector<oci::Reference>& names) {
  const oci::ImageConfig config = TRY(oci::ImageConfig::parse(config_json));
  const std::vector<LayerInfo> layers = TRY(layers_->get_all(config.diff_ids));
  Image image;
  if (manifest_json) TRY(check_sizes(*manifest_json, config_json, layers, *blobs_));
  for (const auto& layer : layers) image.size += layer.content_size;
  image.id = TRY(blobs_->put(config_json));
  image.manifest = TRY(
      blobs_->put(manifest_json ? *manifest_json
                                : make_manifest(image.id, config_json.size(), layers).to_json()));
  const auto created = parse_rfc3339(config.created);
  image.created = created ? created->seconds : 0;
  const auto before = TRY(find_by_id(image.id));
  auto transaction = TRY(database_->begin());
  TRY(insert(image, layers, manifest_json ? Known::replace : Known::keep));
  Image stored = TRY(load(image.id.hex()));
  NameRows rows(*database_);
  for (const auto& name : names) TRY(rows.give(name, stored));
  TRY(transaction.commit());
  TRY(remove_unused_blobs(rows.left()));
  stored = TRY(load_with(image.id.hex(), stored.manifest.hex()));
  if (image.manifest != stored.manifest) TRY(remove_unused_blobs({image.manifest}));
  if (before && before->manifest != stored.manifest) TRY(remove_unused_blobs({before->manifest}));
  return stored;
}

Result<oci::Manifest> ImageStore::compose_manifest(const std::string& config_json) const {
  const oci::ImageConfig config = TRY(oci::ImageConfig::parse(config_json));
  const std::vector<LayerInfo> layers = TRY(layers_->get_all(config.diff_ids));
  return make_manifest(oci::Digest::of(config_json), config_json.size(), layers);
}

Result<void> ImageStore::insert(const Image& image, const std::vector<LayerInfo>& layers,
                                Known known) {
  auto row = TRY(database_->prepare(
      known == Known::replace
          ? "INSERT INTO images (id, manifest, size, created) VALUES (?, ?, ?, ?) ON CONFLICT (id) "
            "DO UPDATE SET manifest = excluded.manifest"
          : "INSERT INTO images (id, manifest, size, created) VALUES (?, ?, ?, ?) ON CONFLICT DO "
            "NOTHING"));
  TRY(row.bind(0, image.id.hex())
          .bind(1, image.manifest.hex())
          .bind(2, static_cast<std::int64_t>(image.size))
          .bind(3, image.created)
          .run());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto layer =
        TRY(database_->prepare("INSERT INTO image_layers (image, position, diff_id) VALUES (?, ?, "
                               "?) ON CONFLICT DO NOTHING"));
    TRY(layer.bind(0, image.id.hex())
            .bind(1, static_cast<std::int64_t>(i))
            .bind(2, layers[i].diff_id.hex())
            .run());
  }
  return {};
}

Result<Image> ImageStore::load(const std::string& id) const {
  auto query =
      TRY(database_->prepare("SELECT manifest, size, created, tagged FROM images WHERE id = ?"));
  const bool found = TRY(query.bind(0, id).step());
  if (!found) return not_found("No such image: sha256:" + id);
  Image image;
  image.id = TRY(oci::Digest::parse("sha256:" + id));
  image.manifest = TRY(oci::Digest::parse("sha256:" + query.text(0)));
  image.size = static_cast<std::uint64_t>(query.number(1));
  image.created = query.number(2);
  image.tagged = query.number(3);
  auto names =
      TRY(database_->prepare("SELECT reference FROM names WHERE image = ? ORDER BY reference"));
  names.bind(0, id);
  for (;;) {
    const bool more = TRY(names.step());
    if (!more) return image;
    image.names.push_back(names.text(0));
  }
}

Result<std::string> ImageStore::config_json(const Image& image) const {
  return blobs_->read(image.id);
}

Result<oci::ImageConfig> ImageStore::config(const Image& image) const {
  const std::string json = TRY(config_json(image));
  return oci::ImageConfig::parse(json);
}

Result<std::optional<Image>> ImageStore::find_by_id(const oci::Digest& id) const {
  auto image = load(id.hex());
  if (image) return std::optional<Image>(*std::move(image));
  if (image.error().kind() == ErrorKind::not_found) return std::optional<Image>();
  return std::move(image).error();
}

Result<Image> ImageStore::load_with(const std::string& id, const std::string& manifest) const {
  Image image = TRY(load(id));
  if (!manifest.empty()) image.manifest = TRY(oci::Digest::parse("sha256:" + manifest));
  return image;
}

/// An image as an entry of an index; with `manifest` if `index` is empty or has it not.
Result<Image> ImageStore::load_of_index(const std::string& id, const std::string& manifest,
                                        const std::string& index) const {
  Image image = TRY(load_with(id, manifest));
  if (index.empty()) return image;
  auto entry = TRY(database_->prepare(
      "SELECT manifest FROM index_images WHERE index_digest = ? AND image = ? LIMIT 1"));
  const bool found = TRY(entry.bind(0, index).bind(1, id).step());
  if (!found) return image;
  image.manifest = TRY(oci::Digest::parse("sha256:" + entry.text(0)));
  image.index = TRY(oci::Digest::parse("sha256:" + index));
  return image;
}

Result<std::optional<Image>> ImageStore::find_named(
    const std::string& canonical, const std::optional<oci::Digest>& digest) const {
  auto query =
      TRY(database_->prepare("SELECT n.image, n.manifest, n.index_digest FROM names n JOIN images "
                             "i ON i.id = n.image WHERE reference = ?"));
  const bool found = TRY(query.bind(0, canonical).step());
  if (!found) return std::optional<Image>();
  Image image = TRY(load_of_index(query.text(0), query.text(1), query.text(2)));
  if (digest && *digest != image.manifest && *digest != image.id && digest != image.index)
    return std::optional<Image>();
  if (digest && digest != image.index) image.index.reset();
  return std::optional(std::move(image));
}

/// name@digest: any image or index of that manifest or config.
Result<std::optional<Image>> ImageStore::find_digest(const oci::Reference& reference) const {
  const std::string hex = reference.digest()->hex();
  auto query = TRY(database_->prepare(
      "SELECT id, manifest, '' FROM images WHERE manifest = ?1 OR id = ?1 UNION ALL SELECT image, "
      "manifest, '' FROM names WHERE manifest = ?1 UNION ALL SELECT image, manifest, '' FROM "
      "image_digests WHERE manifest = ?1 UNION ALL SELECT image, manifest, '' FROM index_images "
      "WHERE manifest = ?1 UNION ALL SELECT d.image, d.manifest, coalesce(x.index_digest, '') "
      "FROM image_digests d LEFT JOIN index_images x ON x.index_digest = d.digest AND x.image = "
      "d.image WHERE digest = ?1 AND repository = ?2"));
  query.bind(0, hex).bind(1, reference.domain() + "/" + reference.path());
  const bool there = TRY(query.step());
  if (!there) return std::optional<Image>();
  Image image = TRY(load_of_index(query.text(0), query.text(1), query.text(2)));
  return std::optional(std::move(image));
}

Result<std::optional<Image>> ImageStore::find_beginning(std::string_view hex) const {
  auto query = TRY(database_->prepare(
      "SELECT id, '', 0, 0 FROM images WHERE id >= ?1 AND id < ?1 || 'g' UNION ALL SELECT x.image, "
      "x.index_digest, n.image IS NULL, x.position FROM index_images x LEFT JOIN names n ON "
      "n.index_digest = x.index_digest AND n.image = x.image WHERE x.index_digest >= ?1 AND "
      "x.index_digest < ?1 || 'g' ORDER BY 2, 3, 4"));
  query.bind(0, hex);
  std::optional<Image> out;
  std::string first;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    const std::string key = query.text(1).empty() ? query.text(0) : query.text(1);
    if (out && key == first) continue;  // another image of the same index
    if (out) return invalid_input("image ID prefix " + std::string(hex) + " is ambiguous");
    out = TRY(load_of_index(query.text(0), {}, query.text(1)));
    first = key;
  }
}

Result<std::optional<Image>> ImageStore::find(const std::string& text) const {
  std::string_view hex = text;
  const bool digest_form = text.starts_with("sha256:");
  if (digest_form) hex.remove_prefix(7);
  if (!digest_form) {
    auto reference = oci::Reference::parse(text);
    if (reference) {
      auto named = TRY(find_named(reference->without_digest().with_default_tag().canonical(),
                                  reference->digest()));
      if (named) return named;
      if (reference->digest()) return find_digest(*reference);
    }
  }
  if (hex.empty() || hex.size() > 64 ||
      hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::optional<Image>();
  return find_beginning(hex);
}

Result<Image> ImageStore::get(const std::string& text) const {
  auto image = TRY(find(text));
  if (!image) {
    const auto reference = oci::Reference::parse(text);
    return not_found("No such image: " +
                     (reference ? reference->with_default_tag().familiar() : text));
  }
  return *std::move(image);
}

Result<std::vector<Image>> ImageStore::list() const {
  auto query = TRY(database_->prepare("SELECT id FROM images ORDER BY created DESC, id"));
  std::vector<Image> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    Image image = TRY(load(query.text(0)));
    out.push_back(std::move(image));
  }
}

Result<std::vector<oci::DiffId>> ImageStore::layers_of(const Image& image) const {
  auto query =
      TRY(database_->prepare("SELECT diff_id FROM image_layers WHERE image = ? ORDER BY position"));
  query.bind(0, image.id.hex());
  return digest_rows<oci::DiffId>(query);
}

Result<void> ImageStore::tag(const Image& image, const oci::Reference& name) {
  auto transaction = TRY(database_->begin());
  NameRows rows(*database_);
  TRY(rows.give(name, image));
  TRY(transaction.commit());
  return remove_unused_blobs(rows.left());
}

Result<bool> ImageStore::untag(const oci::Reference& name) {
  auto transaction = TRY(database_->begin());
  NameRows rows(*database_);
  const bool found = TRY(name.digest() ? rows.take_digest(name) : rows.take(name));
  TRY(transaction.commit());
  TRY(remove_unused_blobs(rows.left()));
  return found;
}

Result<std::vector<oci::Digest>> ImageStore::manifests_of(const Image& image) const {
  auto query = TRY(database_->prepare(
      "SELECT manifest FROM images WHERE id = ?1 UNION SELECT manifest FROM names WHERE image = ?1 "
      "AND manifest <> '' UNION SELECT manifest FROM image_digests WHERE image = ?1 AND manifest "
      "<> '' UNION SELECT manifest FROM index_images WHERE image = ?1"));
  query.bind(0, image.id.hex());
  return digest_rows<oci::Digest>(query);
}

Result<bool> ImageStore::is_in_named_index(const Image& image) const {
  auto query =
      TRY(database_->prepare("SELECT 1 FROM index_images x JOIN names n ON n.index_digest = "
                             "x.index_digest WHERE x.image = ? LIMIT 1"));
  return query.bind(0, image.id.hex()).step();
}

Result<void> ImageStore::remove(const Image& image) {
  std::vector<oci::Digest> blobs = TRY(manifests_of(image));
  blobs.push_back(image.id);
  const auto collect = [&blobs](Statement& query) -> Result<void> {
    const auto digests = TRY(digest_rows<oci::Digest>(query));
    blobs.insert(blobs.end(), digests.begin(), digests.end());
    return {};
  };
  auto transaction = TRY(database_->begin());
  for (const char* sql :
       {"UPDATE names SET image = (SELECT x.image FROM index_images x WHERE x.index_digest = "
        "names.index_digest AND x.image != ?1 ORDER BY x.position LIMIT 1) WHERE image = ?1 AND "
        "EXISTS (SELECT 1 FROM index_images x WHERE x.index_digest = names.index_digest AND "
        "x.image != ?1)",
        "UPDATE image_digests SET image = (SELECT x.image FROM index_images x WHERE "
        "x.index_digest = digest AND x.image != ?1 ORDER BY x.position LIMIT 1) WHERE image = ?1 "
        "AND EXISTS (SELECT 1 FROM index_images x WHERE x.index_digest = digest AND x.image != "
        "?1)",
        "DELETE FROM names WHERE image = ?1", "DELETE FROM image_layers WHERE image = ?1",
        "DELETE FROM image_digests WHERE image = ?1", "DELETE FROM images WHERE id = ?1"}) {
    auto statement = TRY(database_->prepare(sql));
    TRY(statement.bind(0, image.id.hex()).run());
  }
  for (const char* sql :
       {"SELECT index_digest FROM index_images WHERE image = ?1",
        "SELECT digest FROM index_blobs b WHERE EXISTS (SELECT 1 FROM index_images x WHERE "
        "x.index_digest = b.index_digest AND x.image = ?1)",
        "DELETE FROM index_images WHERE image = ?1"}) {
    auto statement = TRY(database_->prepare(sql));
    statement.bind(0, image.id.hex());
    TRY(collect(statement));
  }
  TRY(database_->execute(
      "DELETE FROM index_blobs WHERE NOT EXISTS (SELECT 1 FROM index_images x WHERE "
      "x.index_digest = index_blobs.index_digest)"));
  TRY(transaction.commit());
  return remove_unused_blobs(blobs);
}

Result<void> ImageStore::remove_unused_blobs(const std::vector<oci::Digest>& blobs) const {
  for (const auto& blob : blobs) {
    auto query = TRY(database_->prepare(
        "SELECT 1 FROM images WHERE id = ?1 OR manifest = ?1 UNION ALL SELECT 1 FROM index_images "
        "WHERE index_digest = ?1 OR manifest = ?1 UNION ALL SELECT 1 FROM names WHERE manifest = "
        "?1 UNION ALL SELECT 1 FROM image_digests WHERE manifest = ?1 UNION ALL SELECT 1 FROM "
        "index_blobs WHERE digest = ?1 LIMIT 1"));
    const bool used = TRY(query.bind(0, blob.hex()).step());
    if (!used) TRY(blobs_->remove(blob));
  }
  return {};
}

Result<std::vector<oci::Digest>> ImageStore::superseded_blobs() const {
  auto query = TRY(database_->prepare(
      "SELECT diff_id, digest FROM layer_blobs WHERE diff_id IN (SELECT diff_id FROM layer_blobs "
      "GROUP BY diff_id HAVING count(*) > 1)"));
  std::map<std::string, std::vector<oci::Digest>> here;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) break;
    const oci::Digest blob = TRY(oci::Digest::parse("sha256:" + query.text(1)));
    if (blobs_->has(blob)) here[query.text(0)].push_back(blob);
  }
  std::erase_if(here, [](const auto& each) { return each.second.size() < 2; });
  std::vector<oci::Digest> out;
  if (here.empty()) return out;
  const auto used = layers_of_manifests();
  if (!used) return out;  // of a damaged manifest nobody knows what it has
  const auto is_used = [&used](const oci::Digest& blob) { return used->contains(blob); };
  for (const auto& [layer, forms] : here) {
    if (std::ranges::none_of(forms, is_used)) continue;
    std::ranges::remove_copy_if(forms, std::back_inserter(out), is_used);
  }
  return out;
}

/// Blobs that manifests list, or that a layer's stream is only in.
Result<std::set<oci::Digest>> ImageStore::layers_of_manifests() const {
  auto streams = TRY(database_->prepare("SELECT blob FROM layers WHERE blob <> ''"));
  const auto blobs = TRY(digest_rows<oci::Digest>(streams));
  auto query = TRY(database_->prepare(
      "SELECT manifest FROM images UNION SELECT manifest FROM names WHERE manifest <> '' UNION "
      "SELECT manifest FROM image_digests WHERE manifest <> '' UNION SELECT manifest FROM "
      "index_images"));
  const auto digests = TRY(digest_rows<oci::Digest>(query));
  std::set<oci::Digest> out(blobs.begin(), blobs.end());
  for (const auto& digest : digests) {
    const std::string text = TRY(blobs_->read(digest));
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text));
    for (const auto& layer : manifest.layers) out.insert(layer.digest);
  }
  return out;
}

}  // namespace kiln::store
