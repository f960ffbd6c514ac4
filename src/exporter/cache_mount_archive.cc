// SPDX-License-Identifier: Apache-2.0
#include "exporter/cache_mount_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "archive/compression.h"
#include "archive/tar_reader.h"
#include "archive/tar_writer.h"
#include "base/json.h"
#include "base/strings.h"
#include "snapshot/tar_unpack.h"
#include "snapshot/tree_tar.h"

namespace kiln::exporter {
namespace {

constexpr const char* kMark = "kiln-cache-mounts.json";
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kLargestRecord = std::size_t{1} << 20;

Result<void> add_text(archive::TarWriter& tar, std::string path, const std::string& text) {
  archive::TarEntry entry;
  entry.path = std::move(path);
  entry.mode = 0644;
  entry.size = text.size();
  return tar.add(entry, text);
}

/// Reads a file that an archive has brought, never through a link.
Result<nlohmann::json> read_json(const os::Dir& root, const std::string& path) {
  const auto info = TRY(root.find_beneath(os::RelPath::clean(path)));
  if (!info || info->type != os::FileType::file) return corrupt("it has no file " + path);
  const os::Fd fd = TRY(root.open_file_beneath(os::RelPath::clean(path)));
  const std::string text = TRY(os::read_all(fd, path, kLargestRecord));
  return parse_json(text, path);
}

struct Unpacked {
  std::string id, variant, folder;
};

Result<Unpacked> find_mount(const os::Dir& root, const std::string& name) {
  const nlohmann::json record = TRY(read_json(root, name + "/record.json"));
  Unpacked out;
  out.id = TRY(json_string(record, "id"));
  out.variant = TRY(json_string(record, "variant"));
  out.folder = name + "/fs";
  const auto fs = TRY(root.find_beneath(os::RelPath::clean(out.folder)));
  if (!fs || fs->type != os::FileType::directory)
    return corrupt("it has no directory " + out.folder);
  return out;
}

Result<std::vector<Unpacked>> find_mounts(const os::Dir& root) {
  const nlohmann::json mark = TRY(read_json(root, kMark));
  const auto version = mark.find("version");
  if (version == mark.end() || *version != kVersion)
    return unsupported("a version of the format that this kiln does not know");
  const std::vector<os::DirEntry> entries = TRY(root.list());
  std::vector<Unpacked> out;
  for (const auto& entry : entries) {
    if (entry.name == kMark) continue;
    if (!parse_uint(entry.name))
      return corrupt("an entry that does not belong there: " + entry.name);
    Unpacked mount = TRY(find_mount(root, entry.name));
    out.push_back(std::move(mount));
  }
  return out;
}

Result<void> unpack(archive::ByteSource& source, const os::Dir& root) {
  const auto plain = TRY(archive::decompress(source));
  archive::TarReader tar(*plain);
  return snapshot::unpack_plain_tar(tar, root);
}

Result<CacheMountTransfer> put(store::Store& store, const std::string& scratch,
                               const std::vector<Unpacked>& mounts) {
  CacheMountTransfer out;
  std::map<std::pair<std::string, std::string>, std::size_t> numbers;
  for (const auto& mount : mounts) {
    const std::size_t number = numbers[{mount.id, mount.variant}]++;
    const bool replaced = TRY(store.cache_mounts().replace(mount.id, mount.variant, number,
                                                           scratch + "/" + mount.folder));
    (replaced ? out.done : out.in_use).push_back(mount.id);
  }
  return out;
}

}  // namespace

Result<CacheMountTransfer> write_cache_mounts(store::Store& store,
                                              const std::vector<store::CacheMountRecord>& mounts,
                                              archive::ByteSink& sink) {
  archive::TarWriter tar(sink);
  TRY(add_text(tar, kMark, dump_json({{"version", kVersion}}) + "\n"));
  CacheMountTransfer out;
  for (const auto& mount : mounts) {
    const auto lease = TRY(store.cache_mounts().hold(mount.name));
    if (!lease) {
      out.in_use.push_back(mount.id);
      continue;
    }
    // As numbers that sort as they count: several of one id keep their order.
    const std::string name = fmt::format("{:06}", out.done.size());
    archive::TarEntry folder;
    folder.type = archive::EntryType::directory;
    folder.path = name;
    folder.mode = 0755;
    TRY(tar.add(folder));
    const nlohmann::json record = {{"id", mount.id}, {"variant", mount.variant}};
    TRY(add_text(tar, name + "/record.json", dump_json(record) + "\n"));
    const os::Dir fs = TRY(os::Dir::open(lease->path()));
    TRY(snapshot::append_plain_tree(fs, name + "/fs", tar).context("cache mount " + mount.id));
    out.done.push_back(mount.id);
  }
  TRY(tar.finish());
  return out;
}

Result<CacheMountTransfer> read_cache_mounts(store::Store& store, archive::ByteSource& source) {
  const store::ScratchDir scratch = TRY(store.workspace().create_scratch());
  TRY(unpack(source, scratch.dir()));
  auto mounts = find_mounts(scratch.dir());
  if (!mounts) {
    return std::move(mounts)
        .error()
        .context("not an archive of cache mounts")
        .with_hint("an archive of other files needs --id: the cache that they are for");
  }
  return put(store, scratch.path(), *mounts);
}

Result<CacheMountTransfer> read_cache_mount(store::Store& store, const std::string& id,
                                            archive::ByteSource& source) {
  const store::ScratchDir scratch = TRY(store.workspace().create_scratch());
  TRY(scratch.dir().create_dir("fs", 0755));
  TRY(scratch.dir().set_mode("fs", 0755));
  const os::Dir fs = TRY(scratch.dir().open_dir("fs"));
  TRY(unpack(source, fs));
  return put(store, scratch.path(), {{id, {}, "fs"}});
}

}  // namespace kiln::exporter
