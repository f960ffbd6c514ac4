// SPDX-License-Identifier: Apache-2.0
#include "store/remote_cache.h"

#include <algorithm>
#include <vector>

#include "base/sha256.h"
#include "base/strings.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::store {
namespace {

constexpr const char* kTrees = "trees";
constexpr const char* kMirrors = "mirrors";
constexpr const char* kNotes = "notes";
constexpr std::size_t kMaxNote = std::size_t{1} << 20;

std::string name_of(std::string_view key) { return to_hex(sha256(key)); }

/// The time of last use is the lock file's.
void touch(const std::string& folder, const std::string& file) {
  const auto dir = os::Dir::open(folder);
  const TimePoint now = os::wall_clock();
  if (dir) (void)dir->set_mtime(file, now.seconds, now.nanoseconds).ok();
}

Result<std::uint64_t> size_of(const os::Dir& dir) {
  std::uint64_t total = 0;
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  for (const auto& entry : entries) {
    const auto info = TRY(dir.find(entry.name));
    if (!info) continue;
    total += info->allocated;
    if (info->type != os::FileType::directory) continue;
    const os::Dir sub = TRY(dir.open_dir(entry.name));
    total += TRY(size_of(sub));
  }
  return total;
}

const char* folder_of(FetchedEntry::Kind kind) {
  return kind == FetchedEntry::Kind::tree ? kTrees : kMirrors;
}

/// Entries with their sizes; one that another process is just making has none yet.
Result<void> list_entries(const std::string& folder, FetchedEntry::Kind kind,
                          std::vector<FetchedEntry>& out) {
  if (!os::path_exists(folder)) return {};
  const os::Dir dir = TRY(os::Dir::open(folder));
  const std::vector<os::DirEntry> names = TRY(dir.list());
  for (const auto& name : names) {
    if (!name.name.ends_with(".lock")) continue;
    FetchedEntry entry{kind, name.name.substr(0, name.name.size() - 5), {}, 0};
    const auto lock = TRY(dir.find(name.name));
    if (!lock) continue;
    entry.used = {lock->mtime, lock->mtime_nanoseconds};
    const auto size = os::read_file(folder + "/" + entry.name + "/size", kMaxNote);
    if (size) entry.size = parse_uint(*size).value_or(0);
    out.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Result<std::optional<KeptTree>> RemoteCache::find_tree(std::string_view key) const {
  const std::string name = name_of(key);
  const std::string path = folder(kTrees) + "/" + name;
  if (!os::path_exists(path)) return std::optional<KeptTree>();
  os::FileLock lock = TRY(os::FileLock::acquire(path + ".lock", os::FileLock::Mode::shared));
  if (!os::path_exists(path)) return std::optional<KeptTree>();  // trimmed meanwhile
  touch(folder(kTrees), name + ".lock");
  return std::optional(KeptTree(path + "/tree", std::move(lock)));
}

Result<TreeIngest> RemoteCache::create_tree() const {
  ScratchDir scratch = TRY(workspace_->create_scratch());
  TRY(scratch.dir().create_dir("entry", 0700));
  const os::Dir entry = TRY(scratch.dir().open_dir("entry"));
  TRY(entry.create_dir("tree", 0755));
  TRY(entry.set_mode("tree", 0755));
  os::Dir tree = TRY(entry.open_dir("tree"));
  return TreeIngest(std::move(scratch), std::move(tree));
}

Result<KeptTree> RemoteCache::keep(TreeIngest ingest, std::string_view key) const {
  TRY(os::ensure_directory(folder(kTrees), 0700));
  const std::string name = name_of(key);
  const std::string path = folder(kTrees) + "/" + name;
  const os::Dir tree = TRY(os::Dir::open(ingest.tree_path()));
  const std::uint64_t size = TRY(size_of(tree));
  const std::string entry = ingest.scratch_path() + "/entry";
  TRY(os::write_file_atomically(entry + "/size", std::to_string(size)));
  // Shared with those that use a tree of this key already: nobody waits for their builds to end.
  os::FileLock lock = TRY(os::FileLock::acquire(path + ".lock", os::FileLock::Mode::shared));
  auto renamed = os::rename_file(entry, path);
  // A directory is renamed onto an existing one only if that is empty: an entry never is.
  if (!renamed && renamed.error().kind() != ErrorKind::already_exists)
    return std::move(renamed).error();
  touch(folder(kTrees), name + ".lock");
  KeptTree kept(path + "/tree", std::move(lock));
  TRY(trim());
  return kept;
}

Result<Mirror> RemoteCache::open_mirror(std::string_view key) const {
  TRY(os::ensure_directory(folder(kMirrors), 0700));
  const std::string name = name_of(key);
  const std::string path = folder(kMirrors) + "/" + name;
  os::FileLock lock = TRY(os::FileLock::acquire(path + ".lock", os::FileLock::Mode::exclusive));
  const bool is_new = !os::path_exists(path + "/repo");
  TRY(os::ensure_directory(path, 0700));
  TRY(os::ensure_directory(path + "/repo", 0700));
  touch(folder(kMirrors), name + ".lock");
  return Mirror(path + "/repo", is_new, std::move(lock));
}

Result<void> RemoteCache::note_size(const Mirror& mirror) const {
  const os::Dir repo = TRY(os::Dir::open(mirror.path()));
  const std::uint64_t size = TRY(size_of(repo));
  const std::string entry = mirror.path().substr(0, mirror.path().find_last_of('/'));
  return os::write_file_atomically(entry + "/size", std::to_string(size));
}

Result<std::optional<std::string>> RemoteCache::find_note(std::string_view key) const {
  auto text = os::read_file(folder(kNotes) + "/" + name_of(key), kMaxNote);
  if (text) return std::optional(*std::move(text));
  if (text.error().kind() == ErrorKind::not_found) return std::optional<std::string>();
  return std::move(text).error();
}

Result<void> RemoteCache::put_note(std::string_view key, std::string_view text) const {
  TRY(os::ensure_directory(folder(kNotes), 0700));
  return os::write_file_atomically(folder(kNotes) + "/" + name_of(key), text, 0600);
}

Result<std::vector<FetchedEntry>> RemoteCache::list() const {
  std::vector<FetchedEntry> out;
  for (const auto kind : {FetchedEntry::Kind::tree, FetchedEntry::Kind::mirror})
    TRY(list_entries(folder(folder_of(kind)), kind, out));
  std::ranges::sort(out, {}, &FetchedEntry::used);
  return out;
}

Result<bool> RemoteCache::remove(FetchedEntry::Kind kind, const std::string& name) const {
  const std::string path = folder(folder_of(kind)) + "/" + name;
  auto lock = TRY(os::FileLock::try_acquire(path + ".lock", os::FileLock::Mode::exclusive));
  if (!lock) return false;
  if (os::path_exists(path)) TRY(workspace_->remove(path));
  lock->remove();
  return true;
}

Result<void> RemoteCache::trim() const {
  const std::vector<FetchedEntry> entries = TRY(list());
  std::uint64_t total = 0;
  for (const auto& entry : entries) total += entry.size;
  for (const auto& entry : entries) {
    if (total <= limit_) break;
    const bool removed = TRY(remove(entry.kind, entry.name));
    if (removed) total -= std::min(total, entry.size);
  }
  return {};
}

}  // namespace kiln::store
