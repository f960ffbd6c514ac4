// SPDX-License-Identifier: Apache-2.0
#include "store/build_cache.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "os/dir.h"
#include "os/disk_space.h"
#include "os/file_io.h"
#include "store/digest_rows.h"

namespace kiln::store {
namespace {

/// Of the file that store_paths.h has beside a context's stat index.
constexpr std::string_view kTreesSuffix = ".trees";

/// Blobs of images and indexes besides those of layers.
constexpr const char* kImageBlobs =
    "SELECT id FROM images UNION SELECT manifest FROM images UNION SELECT manifest FROM names "
    "UNION "
    "SELECT manifest FROM image_digests UNION SELECT manifest FROM index_images UNION SELECT "
    "index_digest FROM index_images UNION SELECT digest FROM index_blobs";

constexpr std::size_t kIdLength = 25;

/// Those of layers, whether or not their bytes are here.
constexpr const char* kLayerBlobs =
    "SELECT blob FROM layers WHERE blob <> '' UNION SELECT digest FROM layer_blobs";

/// Of the folder and its fs/, which no layer's own size has.
std::uint64_t folder_bytes(const StorePaths& paths, const oci::DiffId& id) {
  const auto folder = os::Dir::open(paths.layer(id));
  if (!folder) return 0;
  const auto self = folder->stat("."), fs = folder->stat("fs");
  return (self ? self->allocated : 0) + (fs ? fs->allocated : 0);
}

std::uint64_t file_bytes(const os::Dir& dir, const std::string& name) {
  const auto info = dir.find(name);
  return info && *info ? (*info)->allocated : 0;
}

/// The topmost layer that a step ran on, out of its input list.
std::optional<std::string> parent_of(std::string_view list) {
  std::optional<std::string> out;
  while (list.starts_with("layer:")) {
    const auto line = list.substr(0, list.find('\n'));
    const auto digest = line.find("sha256:");
    if (digest != std::string_view::npos) out = cache_id(std::string(line.substr(digest + 7)));
    list.remove_prefix(std::min(line.size() + 1, list.size()));
  }
  return out;
}

}  // namespace

std::string cache_id(const std::string& hex) { return hex.substr(0, kIdLength); }

Result<std::vector<CacheEntry>> BuildCache::list() const {
  std::vector<CacheEntry> out;
  TRY(list_layers(out));
  list_contexts(out);
  TRY(list_mounts(out));
  const std::uint64_t fetched = TRY(list_fetched(out));
  TRY(list_internals(out, fetched));
  // A later step goes before the one that it stands on.
  std::ranges::stable_sort(out, [](const CacheEntry& a, const CacheEntry& b) {
    return a.used != b.used ? a.used < b.used : a.created > b.created;
  });
  return out;
}

Result<void> BuildCache::list_layers(std::vector<CacheEntry>& out) const {
  auto query = TRY(database_->prepare(
      "SELECT l.diff_id, l.disk_size + l.blob_size, "
      "EXISTS (SELECT 1 FROM image_layers i WHERE i.diff_id = l.diff_id), "
      "min(r.created), max(r.used), sum(r.uses), r.instruction, "
      "(SELECT list FROM inputs WHERE digest = r.inputs) "
      "FROM layers l LEFT JOIN records r ON r.layer = l.diff_id GROUP BY l.diff_id"));
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return {};
    const oci::DiffId id = TRY(oci::DiffId::parse("sha256:" + query.text(0)));
    const bool recorded = query.number(3) != 0;
    const bool shared = query.number(2) != 0;
    if (!recorded && shared) continue;  // an image's alone
    CacheEntry entry;
    entry.id = cache_id(id.hex());
    entry.size = static_cast<std::uint64_t>(query.number(1)) + folder_bytes(paths_, id);
    entry.shared = shared;
    entry.created = query.number(3);
    entry.used = query.number(4);
    entry.uses = query.number(5);
    entry.description = recorded ? query.text(6) : "layer that nothing refers to";
    entry.layer = id;
    if (const auto parent = parent_of(query.text(7))) entry.parents.push_back(*parent);
    out.push_back(std::move(entry));
  }
}

void BuildCache::list_contexts(std::vector<CacheEntry>& out) const {
  const auto folder = os::Dir::open(paths_.contexts());
  if (!folder) return;
  const auto names = folder->list();
  if (!names) return;
  // A context's whole selections are in a file beside its index.
  std::map<std::string, CacheEntry> entries;
  for (const auto& name : *names) {
    const auto info = folder->find(name.name);
    if (!info || !*info) continue;
    std::string context = name.name;
    if (context.ends_with(kTreesSuffix)) context.resize(context.size() - kTreesSuffix.size());
    CacheEntry& entry = entries[context];
    entry.id = cache_id(context);
    entry.type = CacheEntry::Type::local_source;
    entry.description = "stat index of a build context";
    entry.size += (*info)->allocated;
    entry.created = entry.used = std::max(entry.used, (*info)->mtime);
    entry.uses = 1;
    entry.file = paths_.contexts() + "/" + context;
  }
  for (auto& [context, entry] : entries) out.push_back(std::move(entry));
}

Result<void> BuildCache::list_mounts(std::vector<CacheEntry>& out) const {
  const std::vector<CacheMountRecord> records = TRY(mounts_->list());
  for (const auto& record : records) {
    CacheEntry entry;
    entry.id = cache_id(record.name);
    entry.type = CacheEntry::Type::cache_mount;
    entry.description = "cache mount " + record.id;
    entry.size = os::disk_usage(paths_.cache_mounts() + "/" + record.name);
    entry.created = record.created.seconds;
    entry.used = record.used.seconds;
    entry.uses = 1;
    entry.file = record.name;
    out.push_back(std::move(entry));
  }
  return {};
}

/// Returns how much it is.
Result<std::uint64_t> BuildCache::list_fetched(std::vector<CacheEntry>& out) const {
  const std::vector<FetchedEntry> entries = TRY(remote_->list());
  std::uint64_t total = 0;
  for (const auto& fetched : entries) {
    if (fetched.size == 0) continue;  // in the making
    const bool tree = fetched.kind == FetchedEntry::Kind::tree;
    CacheEntry entry;
    entry.id = cache_id(fetched.name);
    entry.type = tree ? CacheEntry::Type::fetched : CacheEntry::Type::repository;
    entry.description = tree ? "files that were fetched" : "objects of a git repository";
    entry.size = os::disk_usage(paths_.remote() + (tree ? "/trees/" : "/mirrors/") + fetched.name);
    entry.created = entry.used = fetched.used.seconds;
    entry.uses = 1;
    entry.file = fetched.name;
    total += entry.size;
    out.push_back(std::move(entry));
  }
  return total;
}

/// Every other folder of the store, and of the blobs what no image refers to.
Result<void> BuildCache::list_internals(std::vector<CacheEntry>& out, std::uint64_t fetched) const {
  const auto add = [&](const std::string& name, const std::string& what, std::uint64_t size) {
    CacheEntry entry;
    entry.id = name;
    entry.type = CacheEntry::Type::internal;
    entry.description = what;
    entry.size = size;
    entry.reclaimable = false;
    out.push_back(std::move(entry));
  };
  const os::Dir root = TRY(os::Dir::open(paths_.root()));
  std::uint64_t own = root.stat(".").ok() ? root.stat(".")->allocated : 0;
  const std::vector<os::DirEntry> entries = TRY(root.list());
  for (const auto& [name, type] : entries) {
    const std::string path = paths_.root() + "/" + name;
    if (name == "layers" || name == "context" || name == "cache") {
      own += file_bytes(root, name);
    } else if (name == "blobs") {
      const std::uint64_t all = os::disk_usage(path);
      const std::uint64_t referenced = TRY(referenced_blob_bytes());
      add(name, "blobs that no image refers to", all - std::min(all, referenced));
    } else if (type != os::FileType::directory) {
      own += file_bytes(root, name);
    } else {
      std::uint64_t bytes = os::disk_usage(path);
      if (name == "remote") bytes -= std::min(bytes, fetched);
      if (name == "db") {
        // They vanish when the last process closes the index.
        for (const char* passing : {"-wal", "-shm"})
          bytes -= std::min(bytes, os::disk_usage(paths_.database() + passing));
      }
      add(name,
          name == "db"       ? "the index"
          : name == "builds" ? "logs of builds"
          : name == "remote" ? "notes on what was fetched"
                             : name + "/",
          bytes);
    }
  }
  add("store", "folders and locks of the store", own);
  return {};
}

/// Layer blobs count as part of their layers, configs and manifests as part of their images.
Result<std::uint64_t> BuildCache::referenced_blob_bytes() const {
  const auto folder = os::Dir::open(paths_.blobs());
  if (!folder) return std::uint64_t{0};
  std::uint64_t total = 0;
  auto blobs = TRY(database_->prepare("SELECT blob_size FROM layers WHERE blob <> ''"));
  for (;;) {
    const bool more = TRY(blobs.step());
    if (!more) break;
    total += static_cast<std::uint64_t>(blobs.number(0));
  }
  auto images = TRY(database_->prepare(kImageBlobs));
  for (;;) {
    const bool more = TRY(images.step());
    if (!more) return total;
    total += file_bytes(*folder, images.text(0));
  }
}

Result<std::uint64_t> BuildCache::layer_bytes(const oci::DiffId& id) const {
  auto query =
      TRY(database_->prepare("SELECT disk_size + blob_size FROM layers WHERE diff_id = ?"));
  const bool found = TRY(query.bind(0, id.hex()).step());
  if (!found) return std::uint64_t{0};
  return static_cast<std::uint64_t>(query.number(0)) + folder_bytes(paths_, id);
}

Result<std::uint64_t> BuildCache::image_bytes() const {
  std::uint64_t total = 0;
  auto layers = TRY(database_->prepare("SELECT DISTINCT diff_id FROM image_layers"));
  for (;;) {
    const bool more = TRY(layers.step());
    if (!more) break;
    const oci::DiffId id = TRY(oci::DiffId::parse("sha256:" + layers.text(0)));
    total += TRY(layer_bytes(id));
  }
  const auto folder = os::Dir::open(paths_.blobs());
  if (!folder) return total;
  auto images = TRY(database_->prepare(kImageBlobs));
  for (;;) {
    const bool more = TRY(images.step());
    if (!more) return total;
    total += file_bytes(*folder, images.text(0));
  }
}

Result<bool> BuildCache::is_shared(const oci::DiffId& id) const {
  auto query = TRY(database_->prepare(
      "SELECT count(*) FROM (SELECT DISTINCT image FROM image_layers WHERE diff_id = ? LIMIT 2)"));
  TRY(query.bind(0, id.hex()).step());
  return query.number(0) > 1;
}

Result<void> BuildCache::forget(const std::vector<CacheEntry>& entries) const {
  {
    auto transaction = TRY(database_->begin());
    for (const auto& entry : entries) {
      if (!entry.layer) continue;
      auto statement = TRY(database_->prepare("DELETE FROM records WHERE layer = ?"));
      TRY(statement.bind(0, entry.layer->hex()).run());
    }
    TRY(database_->execute("DELETE FROM inputs WHERE digest NOT IN (SELECT inputs FROM records)"));
    TRY(transaction.commit());
  }
  for (const auto& entry : entries) {
    if (entry.type == CacheEntry::Type::local_source) {
      os::remove_file(entry.file);
      os::remove_file(entry.file + std::string(kTreesSuffix));
    }
    if (entry.type == CacheEntry::Type::cache_mount) TRY(mounts_->remove(entry.file));
    if (entry.type == CacheEntry::Type::fetched)
      TRY(remote_->remove(FetchedEntry::Kind::tree, entry.file));
    if (entry.type == CacheEntry::Type::repository)
      TRY(remote_->remove(FetchedEntry::Kind::mirror, entry.file));
  }
  return {};
}

Result<std::vector<oci::DiffId>> BuildCache::unreferenced_layers() const {
  auto query = TRY(database_->prepare(
      "SELECT diff_id FROM layers l WHERE NOT EXISTS (SELECT 1 FROM image_layers i WHERE i.diff_id "
      "= l.diff_id) AND NOT EXISTS (SELECT 1 FROM records r WHERE r.layer = l.diff_id)"));
  return digest_rows<oci::DiffId>(query);
}

Result<std::vector<oci::Digest>> BuildCache::unreferenced_blobs() const {
  std::vector<oci::Digest> out;
  const auto folder = os::Dir::open(paths_.blobs());
  if (!folder) return out;
  const std::vector<os::DirEntry> entries = TRY(folder->list());
  // All at once: one question for each blob would look through all images for each.
  std::unordered_set<std::string> referenced;
  for (const char* sql : {kImageBlobs, kLayerBlobs}) {
    auto query = TRY(database_->prepare(sql));
    for (;;) {
      const bool more = TRY(query.step());
      if (!more) break;
      referenced.insert(query.text(0));
    }
  }
  for (const auto& entry : entries) {
    auto digest = oci::Digest::parse("sha256:" + entry.name);
    if (digest && !referenced.contains(entry.name)) out.push_back(*std::move(digest));
  }
  return out;
}

Result<void> BuildCache::compact() const {
  constexpr std::int64_t kWorthIt = 256;  // pages
  auto query = TRY(database_->prepare("PRAGMA freelist_count"));
  TRY(query.step());
  if (query.number(0) < kWorthIt) return {};
  return database_->execute("VACUUM");
}

Result<LayerUsage> BuildCache::usage() const {
  auto query = TRY(database_->prepare("SELECT layer_bytes, collected, settled FROM usage"));
  const bool found = TRY(query.step());
  if (!found) return corrupt("store index: it has no row of usage");
  return LayerUsage{static_cast<std::uint64_t>(query.number(0)), query.number(1),
                    static_cast<std::uint64_t>(query.number(2))};
}

Result<void> BuildCache::settle(std::int64_t now) const {
  auto transaction = TRY(database_->begin());
  auto statement = TRY(database_->prepare("UPDATE usage SET collected = ?, settled = layer_bytes"));
  TRY(statement.bind(0, now).run());
  return transaction.commit();
}

}  // namespace kiln::store
