// SPDX-License-Identifier: Apache-2.0
#include "store/layer_store.h"

#include <set>

#include "base/check.h"
#include "os/disk_space.h"
#include "os/file_io.h"
#include "os/kernel.h"
#include "os/system.h"
#include "store/digest_rows.h"

namespace kiln::store {
namespace {

constexpr std::string_view kSelectLayers =
    "SELECT diff_id, tar_size, disk_size, blob, blob_media_type, blob_size, content_size, "
    "linked_from FROM layers";

/// A row of kSelectLayers.
Result<LayerInfo> layer_of(const Statement& row) {
  LayerInfo info;
  info.diff_id = TRY(oci::DiffId::parse("sha256:" + row.text(0)));
  info.tar_size = static_cast<std::uint64_t>(row.number(1));
  info.disk_size = static_cast<std::uint64_t>(row.number(2));
  info.content_size = static_cast<std::uint64_t>(row.number(6));
  const std::string linked_from = row.text(7);
  if (!linked_from.empty()) info.linked_from = TRY(oci::DiffId::parse("sha256:" + linked_from));
  const std::string blob = row.text(3);
  if (!blob.empty()) {
    oci::Descriptor descriptor;
    descriptor.digest = TRY(oci::Digest::parse("sha256:" + blob));
    descriptor.media_type = row.text(4);
    descriptor.size = static_cast<std::uint64_t>(row.number(5));
    info.blob = std::move(descriptor);
  }
  return info;
}

}  // namespace

Result<std::optional<LayerInfo>> LayerStore::find(const oci::DiffId& id) const {
  auto info = TRY(find_row(id));
  if (info && !os::path_exists(paths_.layer_fs(id))) info.reset();
  return info;
}

Result<std::optional<LayerInfo>> LayerStore::find_row(const oci::DiffId& id) const {
  auto query = TRY(database_->prepare(std::string(kSelectLayers) + " WHERE diff_id = ?"));
  const bool found = TRY(query.bind(0, id.hex()).step());
  if (!found) return std::optional<LayerInfo>();
  LayerInfo info = TRY(layer_of(query));
  return std::optional(std::move(info));
}

Result<LayerInfo> LayerStore::get(const oci::DiffId& id) const {
  auto info = TRY(find(id));
  if (!info) return not_found("layer " + id.str() + " is not in the store");
  return *std::move(info);
}

Result<std::vector<LayerInfo>> LayerStore::get_all(const std::vector<oci::DiffId>& ids) const {
  std::vector<LayerInfo> out;
  for (const auto& id : ids) {
    LayerInfo info = TRY(get(id));
    out.push_back(std::move(info));
  }
  return out;
}

Result<std::vector<LayerInfo>> LayerStore::list() const {
  auto query = TRY(database_->prepare(kSelectLayers));
  std::vector<LayerInfo> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    LayerInfo info = TRY(layer_of(query));
    out.push_back(std::move(info));
  }
}

Result<os::Dir> LayerStore::open_fs(const oci::DiffId& id) const {
  return os::Dir::open(paths_.layer_fs(id)).context("layer " + id.str());
}

Result<std::vector<os::Dir>> LayerStore::open_all(const std::vector<oci::DiffId>& ids) const {
  std::vector<os::Dir> out;
  out.reserve(ids.size());
  for (const auto& id : ids) {
    os::Dir dir = TRY(open_fs(id));
    out.push_back(std::move(dir));
  }
  return out;
}

Result<std::shared_ptr<const OpenLayer>> LayerStore::open(const oci::DiffId& id) const {
  return open_.open(id, paths_.layer_fs(id));
}

Result<LayerIngest> LayerStore::create() {
  ScratchDir scratch = TRY(workspace_->create_scratch());
  TRY(scratch.dir().create_dir("layer", 0700));
  const os::Dir layer = TRY(scratch.dir().open_dir("layer"));
  TRY(layer.create_dir("fs", 0755));
  TRY(scratch.dir().create_dir("work", 0700));
  TRY(scratch.dir().create_dir("mount", 0700));
  os::Dir fs = TRY(layer.open_dir("fs"));
  // The process's umask must not reach into an image.
  TRY(fs.set_mode(".", 0755));
  return LayerIngest(std::move(scratch), std::move(fs));
}

Result<void> LayerStore::commit(LayerIngest ingest, const LayerInfo& info, Likeness likeness) {
  CHECK(likeness == Likeness::diff_id || info.blob);
  auto transaction = TRY(database_->begin());
  const auto there = TRY(find(info.diff_id));
  if (there) return {};
  TRY(put_into_place(ingest.scratch_path() + "/layer", info.diff_id));
  // Of one whose directory was gone; replacing it would leave its size in the sum.
  auto former = TRY(database_->prepare("DELETE FROM layers WHERE diff_id = ?"));
  TRY(former.bind(0, info.diff_id.hex()).run());
  auto insert = TRY(
      database_->prepare("INSERT INTO layers (diff_id, tar_size, disk_size, blob, blob_media_type, "
                         "blob_size, content_size, linked_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
  insert.bind(0, info.diff_id.hex())
      .bind(1, static_cast<std::int64_t>(info.tar_size))
      .bind(2, static_cast<std::int64_t>(info.disk_size))
      .bind(3, info.blob ? info.blob->digest.hex() : "")
      .bind(4, info.blob ? info.blob->media_type : "")
      .bind(5, info.blob ? static_cast<std::int64_t>(info.blob->size) : 0)
      .bind(6, static_cast<std::int64_t>(info.content_size))
      .bind(7, info.linked_from ? info.linked_from->hex() : "");
  TRY(insert.run());
  auto unsettled =
      TRY(database_->prepare("INSERT OR REPLACE INTO unsettled_layers (diff_id, tree, boot, made) "
                             "VALUES (?, ?, ?, ?)"));
  unsettled.bind(0, info.diff_id.hex())
      .bind(1, likeness == Likeness::diff_id ? info.diff_id.hex() : "")
      .bind(2, os::boot_id())
      .bind(3, os::wall_clock().seconds);
  TRY(unsettled.run());
  return transaction.commit();
}

Result<void> LayerStore::put_into_place(const std::string& made, const oci::DiffId& id) {
  open_.forget(id);
  auto renamed = os::rename_file(made, paths_.layer(id));
  // A directory is renamed onto an existing one only if that is empty: a layer's never is.
  if (renamed || renamed.error().kind() != ErrorKind::already_exists) return renamed;
  // Without a row it is damaged, or what a process that was killed here, or a power cut, has left;
  // nobody knows whether it is whole.
  TRY(remove_files(id));
  return os::rename_file(made, paths_.layer(id));
}

Result<void> LayerStore::remove_files(const oci::DiffId& id) {
  open_.forget(id);
  return workspace_->remove(paths_.layer(id));
}

Result<std::vector<oci::DiffId>> LayerStore::unused() const {
  auto query = TRY(database_->prepare(
      "SELECT diff_id FROM layers WHERE NOT EXISTS "
      "(SELECT 1 FROM image_layers WHERE image_layers.diff_id = layers.diff_id) AND NOT EXISTS "
      "(SELECT 1 FROM records WHERE records.layer = layers.diff_id)"));
  auto ids = TRY(digest_rows<oci::DiffId>(query));
  // Directories that nobody knows of.
  auto known_query =
      TRY(database_->prepare("SELECT diff_id FROM layers UNION SELECT diff_id FROM image_layers"));
  const auto known = TRY(digest_rows<oci::DiffId>(known_query));
  const std::set<oci::DiffId> all(known.begin(), known.end());
  const os::Dir folder = TRY(os::Dir::open(paths_.layers()));
  const std::vector<os::DirEntry> entries = TRY(folder.list());
  for (const auto& entry : entries) {
    const auto id = oci::DiffId::parse("sha256:" + entry.name);
    if (id && !all.contains(*id)) ids.push_back(*id);
  }
  return ids;
}

Result<LayerStore::Heirs> LayerStore::find_heirs(const oci::DiffId& id) const {
  Heirs heirs;
  auto self =
      TRY(database_->prepare("SELECT linked_from, disk_size FROM layers WHERE diff_id = ?"));
  const bool found = TRY(self.bind(0, id.hex()).step());
  if (!found) return heirs;
  heirs.parent = self.text(0);
  auto children = TRY(database_->prepare("SELECT diff_id FROM layers WHERE linked_from = ?"));
  children.bind(0, id.hex());
  for (;;) {
    const bool more = TRY(children.step());
    if (!more) break;
    heirs.children.push_back(children.text(0));
  }
  if (heirs.parent.empty() && heirs.children.empty()) return heirs;
  heirs.left_over = self.number(1) -
                    static_cast<std::int64_t>(os::exclusive_disk_usage(paths_.layer_fs(id)) +
                                              os::exclusive_disk_usage(paths_.layer_contents(id)));
  return heirs;
}

/// The sum of what all layers say stays what they take together. Which of several heirs counts a
/// file matters less: whoever goes next passes on what it does not free.
Result<void> LayerStore::pass_on(const Heirs& heirs) const {
  const std::string& heir = heirs.children.empty() ? heirs.parent : heirs.children.front();
  if (heir.empty()) return {};
  auto size =
      TRY(database_->prepare("UPDATE layers SET disk_size = max(0, disk_size + ?2) WHERE "
                             "diff_id = ?1"));
  TRY(size.bind(0, heir).bind(1, heirs.left_over).run());
  for (const auto& child : heirs.children) {
    auto link = TRY(database_->prepare("UPDATE layers SET linked_from = ?2 WHERE diff_id = ?1"));
    TRY(link.bind(0, child).bind(1, child == heir ? heirs.parent : heir).run());
  }
  return {};
}

Result<std::vector<oci::Digest>> LayerStore::remove_rows(const oci::DiffId& id) {
  const auto info = TRY(find_row(id));
  const Heirs heirs = TRY(find_heirs(id));
  std::vector<oci::Digest> blobs;
  if (info && info->blob) blobs.push_back(info->blob->digest);
  auto transaction = TRY(database_->begin());
  TRY(pass_on(heirs));
  for (const char* sql :
       {"DELETE FROM unsettled_layers WHERE diff_id = ?", "DELETE FROM layers WHERE diff_id = ?"}) {
    auto statement = TRY(database_->prepare(sql));
    TRY(statement.bind(0, id.hex()).run());
  }
  {
    auto forms =
        TRY(database_->prepare("DELETE FROM layer_blobs WHERE diff_id = ? RETURNING digest"));
    forms.bind(0, id.hex());
    const auto digests = TRY(digest_rows<oci::Digest>(forms));
    blobs.insert(blobs.end(), digests.begin(), digests.end());
  }
  TRY(transaction.commit());
  return blobs;
}

Result<void> LayerStore::remove(const oci::DiffId& id) {
  const std::vector<oci::Digest> blobs = TRY(remove_rows(id));
  for (const auto& digest : blobs) os::remove_file(paths_.blob(digest));
  auto removed = remove_files(id);
  if (!removed && removed.error().kind() == ErrorKind::not_found) return {};
  return removed;
}

Result<void> LayerStore::distrust(const oci::DiffId& id) {
  open_.forget(id);
  TRY(remove_rows(id));
  return {};
}

Result<std::vector<UnsettledLayer>> LayerStore::unsettled() const {
  std::vector<UnsettledLayer> layers;
  auto query = TRY(database_->prepare("SELECT diff_id, tree, boot, made FROM unsettled_layers"));
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return layers;
    UnsettledLayer layer;
    layer.diff_id = TRY(oci::DiffId::parse("sha256:" + query.text(0)));
    const std::string tree = query.text(1);
    if (!tree.empty()) layer.tree = TRY(oci::DiffId::parse("sha256:" + tree));
    layer.boot = query.text(2);
    layer.made = query.number(3);
    layers.push_back(std::move(layer));
  }
}

Result<void> LayerStore::settle(const std::vector<oci::DiffId>& ids) {
  if (ids.empty()) return {};
  auto transaction = TRY(database_->begin());
  for (const auto& id : ids) {
    auto statement = TRY(database_->prepare("DELETE FROM unsettled_layers WHERE diff_id = ?"));
    TRY(statement.bind(0, id.hex()).run());
  }
  return transaction.commit();
}

}  // namespace kiln::store
