// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_builder.h"

#include "snapshot/plan_stream.h"
#include "snapshot/whiteout_names.h"

namespace kiln::snapshot {
namespace {

os::FileType file_type(archive::EntryType type) {
  switch (type) {
    case archive::EntryType::directory:
      return os::FileType::directory;
    case archive::EntryType::symlink:
      return os::FileType::symlink;
    case archive::EntryType::char_device:
      return os::FileType::char_device;
    case archive::EntryType::block_device:
      return os::FileType::block_device;
    case archive::EntryType::fifo:
      return os::FileType::fifo;
    default:
      return os::FileType::file;
  }
}

bool is_directly_in(const os::RelPath& path, const os::RelPath& directory) {
  std::string_view rest = path.str();
  if (!directory.is_root()) {
    if (!rest.starts_with(directory.str()) || rest.size() == directory.str().size()) return false;
    rest.remove_prefix(directory.str().size());
    if (rest.front() != '/') return false;
    rest.remove_prefix(1);
  }
  return !rest.empty() && rest.find('/') == std::string_view::npos;
}

PlannedEntry entry_of(PlannedInode inode) {
  return {.inode = std::make_shared<PlannedInode>(std::move(inode))};
}

PlannedEntry file_entry(FileContent content, Metadata metadata, std::size_t tag) {
  if (content.root == nullptr)
    content.known = {sha256(content.inline_text), content.inline_text.size()};
  return entry_of({.type = archive::EntryType::file,
                   .metadata = std::move(metadata),
                   .content = std::move(content),
                   .tag = tag});
}

}  // namespace

LayerBuilder::LayerBuilder(const LayerView& base, Options options)
    : base_(&base), options_(options), root_(std::make_unique<PlannedEntry>()) {
  root_->merged = true;
  root_->inode->metadata.mode = 0755;
}

Result<LayerBuilder> LayerBuilder::create(const LayerView& base, Options options) {
  LayerBuilder builder(base, options);
  const auto root = TRY(base.find({}));
  if (root) builder.root_->inode->metadata = TRY(base.metadata(*root));
  return builder;
}

/// What is at a path: planned, or in the layers below; neither for nothing.
Result<LayerBuilder::Found> LayerBuilder::look_up(const os::RelPath& path) const {
  const PlannedEntry* entry = root_.get();
  std::vector<std::string_view> parts;
  if (last_parent_ != nullptr && is_directly_in(path, last_parent_path_)) {
    entry = last_parent_;
    parts = {path.name()};
  } else {
    parts = path.components();
  }
  for (const std::string_view part : parts) {
    const auto child = entry->children.find(part);
    if (child != entry->children.end()) {
      entry = &child->second;
      continue;
    }
    Found found;
    if (entry->merged) found.below = TRY(base_->find(path));
    return found;
  }
  return Found{entry, std::nullopt};
}

Result<std::optional<LayerBuilder::Existing>> LayerBuilder::find(const os::RelPath& path) const {
  const Found found = TRY(look_up(path));
  if (found.planned) return std::optional(Existing{file_type(found.planned->inode->type)});
  if (found.below) return std::optional(Existing{found.below->info.type});
  return std::optional<Existing>();
}

Result<os::RelPath> LayerBuilder::resolve(std::string_view path, Last last) const {
  return resolve_below({}, path, last, AboveRoot::stays);
}

Result<os::RelPath> LayerBuilder::resolve_below(const os::RelPath& root, std::string_view path,
                                                Last last, AboveRoot above) const {
  const std::string prefix = root.is_root() ? std::string() : root.str() + "/";
  const FindLink find_link = [&](const os::RelPath& at) -> Result<std::optional<std::string>> {
    const Found found = TRY(look_up(os::RelPath::clean(prefix + at.str())));
    if (found.planned) return std::optional(found.planned->inode->link_target);
    if (!found.below) return std::optional<std::string>();
    if (found.below->info.type != os::FileType::symlink) return std::optional(std::string());
    std::string target = TRY(base_->read_link(*found.below));
    return std::optional(std::move(target));
  };
  const os::RelPath resolved = TRY(resolve_links(path, last, find_link, above));
  return os::RelPath::clean(prefix + resolved.str());
}

/// The directory entry for `name` in `parent`; taken over from the layers below if need be, null if
/// there is nothing.
Result<PlannedEntry*> LayerBuilder::descend(PlannedEntry& parent, const os::RelPath& path,
                                            std::string_view name) {
  const auto child = parent.children.find(name);
  if (child != parent.children.end()) {
    if (child->second.inode->type != archive::EntryType::directory)
      return invalid_input("/" + path.str() + " is not a directory");
    return &child->second;
  }
  if (!parent.merged) return static_cast<PlannedEntry*>(nullptr);
  const auto below = TRY(base_->find(path));
  if (!below) return static_cast<PlannedEntry*>(nullptr);
  if (below->info.type != os::FileType::directory)
    return invalid_input("/" + path.str() + " is not a directory");
  PlannedEntry entry;
  entry.inode->metadata = TRY(base_->metadata(*below));
  entry.merged = true;
  return &parent.children.emplace(std::string(name), std::move(entry)).first->second;
}

Result<PlannedEntry*> LayerBuilder::parent_of(const os::RelPath& path) {
  if (last_parent_ != nullptr && is_directly_in(path, last_parent_path_)) return last_parent_;
  PlannedEntry* entry = root_.get();
  os::RelPath at;
  const os::RelPath parent = path.parent();
  for (const std::string_view part : parent.components()) {
    at = at / part;
    entry = TRY(descend(*entry, at, part));
    if (entry == nullptr) return not_found("/" + at.str() + " does not exist");
  }
  last_parent_ = entry;
  last_parent_path_ = parent;
  return entry;
}

Result<void> LayerBuilder::make_directories(const os::RelPath& path, std::uint32_t mode,
                                            std::uint32_t uid, std::uint32_t gid) {
  // The path may exist as a whole; then the layer has no need to mention it.
  const auto existing = TRY(find(path));
  if (existing) {
    if (existing->type == os::FileType::directory) return {};
    return invalid_input("/" + path.str() + " is not a directory");
  }
  PlannedEntry* entry = root_.get();
  os::RelPath at;
  for (const std::string_view part : path.components()) {
    at = at / part;
    PlannedEntry* next = TRY(descend(*entry, at, part));
    if (next == nullptr) {
      PlannedInode made;
      made.metadata.mode = mode;
      made.metadata.uid = uid;
      made.metadata.gid = gid;
      // Not now: the same build shall give the same layer.
      made.metadata.mtime = options_.made_mtime;
      next = &entry->children.emplace(std::string(part), entry_of(std::move(made))).first->second;
    }
    entry = next;
  }
  return {};
}

Result<void> LayerBuilder::put(const os::RelPath& path, PlannedEntry entry) {
  CHECK(!path.is_root());
  PlannedEntry* parent = TRY(parent_of(path));
  put_into(*parent, path.name(), std::move(entry));
  return {};
}

void LayerBuilder::put_into(PlannedEntry& parent, std::string_view name, PlannedEntry entry) {
  const auto [child, is_new] = parent.children.try_emplace(std::string(name), std::move(entry));
  if (is_new) return;
  child->second = std::move(entry);  // NOLINT: where there is one, try_emplace moves nothing
  // What was replaced may have been a directory with the last parent in it.
  last_parent_ = nullptr;
}

Result<void> LayerBuilder::put_directory(const os::RelPath& path, Metadata metadata) {
  if (path.is_root()) return {};
  PlannedEntry* parent = TRY(parent_of(path));
  const auto existing = TRY(find(path));
  if (existing && existing->type == os::FileType::directory) {
    PlannedEntry* entry = TRY(descend(*parent, path, path.name()));
    entry->inode->metadata = std::move(metadata);
    return {};
  }
  PlannedEntry entry;
  entry.inode->metadata = std::move(metadata);
  if (parent->merged) {
    const auto below = TRY(base_->find(path));
    entry.opaque = below.has_value();
  }
  put_into(*parent, path.name(), std::move(entry));
  return {};
}

Result<void> LayerBuilder::set_directory_mode(const os::RelPath& path, std::uint32_t mode) {
  if (path.is_root()) return {};
  PlannedEntry* parent = TRY(parent_of(path));
  PlannedEntry* entry = TRY(descend(*parent, path, path.name()));
  if (entry == nullptr) return not_found("/" + path.str() + " does not exist");
  entry->inode->metadata.mode = mode;
  return {};
}

Result<void> LayerBuilder::put_file(const os::RelPath& path, FileContent content, Metadata metadata,
                                    std::size_t tag) {
  return put(path, file_entry(std::move(content), std::move(metadata), tag));
}

Result<void> LayerBuilder::put_linked_file(const os::RelPath& path, FileContent content,
                                           Metadata metadata, std::size_t tag, std::size_t group) {
  std::weak_ptr<PlannedInode>& known = groups_[group];
  if (auto inode = known.lock()) return put(path, {.inode = std::move(inode)});
  PlannedEntry entry = file_entry(std::move(content), std::move(metadata), tag);
  known = entry.inode;
  return put(path, std::move(entry));
}

Result<void> LayerBuilder::put_symlink(const os::RelPath& path, std::string target,
                                       Metadata metadata) {
  return put(path, entry_of({.type = archive::EntryType::symlink,
                             .metadata = std::move(metadata),
                             .link_target = std::move(target)}));
}

Result<void> LayerBuilder::put_device(const os::RelPath& path, archive::EntryType type,
                                      std::uint32_t major, std::uint32_t minor, Metadata metadata) {
  if (type == archive::EntryType::char_device && major == 0 && minor == 0)
    return invalid_input("/" + path.str() + ": a device 0/0 can't be kept in a layer");
  return put(path, entry_of({.type = type,
                             .metadata = std::move(metadata),
                             .device_major = major,
                             .device_minor = minor}));
}

Result<void> LayerBuilder::put_fifo(const os::RelPath& path, Metadata metadata) {
  return put(path, entry_of({.type = archive::EntryType::fifo, .metadata = std::move(metadata)}));
}

/// A file of the layers below as this layer would have it again.
Result<void> LayerBuilder::put_hardlink(const os::RelPath& path, const os::RelPath& target,
                                        Metadata metadata) {
  const Found found = TRY(look_up(target));
  if (!found.planned && !found.below) return not_found("/" + target.str() + " does not exist");
  std::shared_ptr<PlannedInode> inode;
  if (found.planned) {
    inode = found.planned->inode;
  } else if (found.below->info.type != os::FileType::directory) {
    PlannedInode copied = TRY(inode_of(*base_, *found.below));
    PlannedEntry entry = entry_of(std::move(copied));
    inode = entry.inode;
    TRY(put(target, std::move(entry)));
  }
  if (!inode || inode->type == archive::EntryType::directory)
    return invalid_input("/" + target.str() + " is a directory");
  metadata.xattrs.merge(inode->metadata.xattrs);
  inode->metadata = std::move(metadata);
  return put(path, {.inode = std::move(inode)});
}

Result<void> LayerBuilder::adopt_whiteouts() {
  if (!adopted_) adopted_ = TRY(adopt_whiteout_names(*root_));
  return {};
}

Result<std::optional<Sha256Bytes>> LayerBuilder::digest() {
  TRY(adopt_whiteouts());
  return digest_plan(*root_, options_.mtimes);
}

Result<store::LayerInfo> LayerBuilder::write(const store::LayerIngest& ingest,
                                             const ContentSeen& seen, const EarlierLayer* earlier) {
  TRY(adopt_whiteouts());
  return write_layer(*root_, {options_.mtimes, options_.stop}, ingest, seen, earlier);
}

}  // namespace kiln::snapshot
