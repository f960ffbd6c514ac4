// SPDX-License-Identifier: Apache-2.0
#include "solver/source_tree.h"

#include <algorithm>

#include "base/strings.h"
#include "llb/op.h"
#include "snapshot/layer_form.h"
#include "snapshot/link_resolution.h"
#include "solver/context_walk.h"

namespace kiln::solver {

Result<std::unique_ptr<ContextTree>> ContextTree::open(const std::string& path,
                                                       const std::vector<std::string>& ignore,
                                                       const std::string& index, Owners owners) {
  os::Dir root = TRY(os::Dir::open(path));
  dockerfile::IgnorePatterns patterns =
      TRY(dockerfile::IgnorePatterns::create(ignore).context(".dockerignore"));
  Sha256 digest;
  for (const auto& pattern : ignore) digest.update(pattern + "\n");
  return std::unique_ptr<ContextTree>(
      new ContextTree(std::move(root), std::move(patterns), digest.finish(), index, owners));
}

Result<std::optional<TreeEntry>> ContextTree::find_unfiltered(const os::RelPath& path) const {
  const auto info = TRY(root_.find_beneath(path));
  if (!info) return std::optional<TreeEntry>();
  TreeEntry entry{path, *info, {}};
  if (info->type == os::FileType::symlink) {
    const os::Dir parent = TRY(root_.open_dir_beneath(path.parent()));
    entry.link_target = TRY(parent.read_link(path.name()));
  }
  return std::optional(std::move(entry));
}

/// A directory that is ignored still leads to what `!` patterns take back below it.
bool ContextTree::is_left_out(const TreeEntry& entry) const {
  if (ignore_.empty() || entry.path.is_root() || !ignore_.ignores(entry.path.str())) return false;
  return entry.info.type != os::FileType::directory ||
         !ignore_.may_contain_exceptions(entry.path.str());
}

Result<std::optional<TreeEntry>> ContextTree::find(const os::RelPath& path) const {
  auto entry = TRY(find_unfiltered(path));
  if (entry && is_left_out(*entry)) return std::optional<TreeEntry>();
  return entry;
}

Result<os::RelPath> ContextTree::resolve(std::string_view path) const {
  return snapshot::resolve_links(
      path, snapshot::Last::follow,
      [this](const os::RelPath& at) -> Result<std::optional<std::string>> {
        const auto entry = TRY(find(at));
        if (!entry) return std::optional<std::string>();
        return std::optional(entry->link_target);
      });
}

Result<std::vector<std::string>> ContextTree::list(const os::RelPath& path) const {
  const os::Dir dir = TRY(root_.open_dir_beneath(path));
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  std::vector<std::string> out;
  for (const auto& entry : entries) {
    const auto visible = TRY(find(path / entry.name));
    if (visible) out.push_back(entry.name);
  }
  return out;
}

Sha256Bytes ContextTree::record_key(const Sha256Bytes& selection) const {
  return sha256(to_hex(selection) + to_hex(ignore_digest_));
}

Result<Walked> ContextTree::walk(const TreeEntry& top, const Sha256Bytes* selection,
                                 Recall recall) {
  std::optional<store::TreeRecord> record;
  std::optional<TreeListing> known;
  if (selection != nullptr) {
    const std::lock_guard lock(mutex_);
    record = trees_.find(record_key(*selection));
  }
  if (record) known = TreeListing::parse(record->listing);
  const ContextWalk walk{root_, ignore_, known ? &*known : nullptr, opened_, recall};
  WalkedContext walked = TRY(walk_context(walk, top));
  Walked out{std::move(walked.entries)};
  if (walked.unchanged) {
    out.digest = record->digest;
  } else if (selection != nullptr) {
    out.listing = std::move(walked.listing);
  }
  return out;
}

void ContextTree::note(const Sha256Bytes& selection, const Sha256Bytes& digest,
                       std::string listing) {
  const std::lock_guard lock(mutex_);
  trees_.put(record_key(selection), digest, std::move(listing));
}

Result<Located> ContextTree::locate(const TreeEntry& entry) const {
  return Located{&root_, entry.path};
}

namespace {

/// Access lists name users of this machine, and trusted.* only root sees: with either a layer would
/// be another for each user who builds it.
os::Xattrs context_xattrs(const os::Xattrs& on_disk) {
  os::Xattrs out = snapshot::image_xattrs(on_disk);
  std::erase_if(out, [](const auto& xattr) {
    return xattr.first.starts_with("system.") || xattr.first.starts_with("trusted.");
  });
  return out;
}

}  // namespace

Result<os::Xattrs> ContextTree::xattrs(const TreeEntry& entry, LastDirectory& last) const {
  if (entry.path.is_root()) {
    const os::Xattrs of_root = TRY(root_.xattrs("."));
    return context_xattrs(of_root);
  }
  os::RelPath parent = entry.path.parent();
  if (!last.dir || last.path != parent) {
    last.dir = TRY(root_.open_dir_beneath(parent));
    last.path = std::move(parent);
  }
  const os::Xattrs on_disk = TRY(last.dir.xattrs(entry.path.name()));
  return context_xattrs(on_disk);
}

std::optional<store::FileFacts> ContextTree::known_facts(const TreeEntry& entry) {
  const std::lock_guard lock(mutex_);
  return index_.find(entry.path.str(), entry.info);
}

void ContextTree::remember(const TreeEntry& entry, const os::FileInfo& as_read,
                           const store::FileFacts& facts, const TimePoint& before) {
  const std::lock_guard lock(mutex_);
  // The xattrs may have been read long before `before`, which is about the content.
  index_.put(entry.path.str(), as_read, facts, std::min(before, opened_));
}

std::string ContextTree::absence_hint(const os::RelPath& path) const {
  const auto there = find_unfiltered(path);
  if (there && *there) return "/" + path.str() + " is there, but an ignore pattern leaves it out";
  return {};
}

Result<void> ContextTree::save_index() {
  const std::lock_guard lock(mutex_);
  TRY(trees_.save());
  return index_.save();
}

Result<os::RelPath> LayerTree::resolve(std::string_view path) const {
  return view_.resolve(path, snapshot::Last::follow);
}

Result<std::optional<TreeEntry>> LayerTree::find(const os::RelPath& path) const {
  const auto found = TRY(view_.find(path));
  if (!found) return std::optional<TreeEntry>();
  TreeEntry entry{path, found->info, {}};
  if (found->info.type == os::FileType::symlink) entry.link_target = TRY(view_.read_link(*found));
  return std::optional(std::move(entry));
}

Result<std::vector<std::string>> LayerTree::list(const os::RelPath& path) const {
  return view_.list(path);
}

Result<void> LayerTree::walk_into(const TreeEntry& entry, std::vector<TreeEntry>& out) const {
  const std::vector<std::string> names = TRY(view_.list(entry.path));
  for (const auto& name : names) {
    auto child = TRY(find(entry.path / name));
    if (!child || child->info.type == os::FileType::socket) continue;
    const bool is_directory = child->info.type == os::FileType::directory;
    const TreeEntry copy = *child;
    out.push_back(*std::move(child));
    if (is_directory) TRY(walk_into(copy, out));
  }
  return {};
}

Result<Walked> LayerTree::walk(const TreeEntry& top, const Sha256Bytes*, Recall) {
  Walked out{{top}};
  if (top.info.type == os::FileType::directory) TRY(walk_into(top, out.entries));
  return out;
}

Result<Located> LayerTree::locate(const TreeEntry& entry) const {
  const auto found = TRY(view_.find(entry.path));
  if (!found) return not_found("/" + entry.path.str());
  return Located{&view_.layer(found->layer), entry.path};
}

Result<os::Xattrs> LayerTree::xattrs(const TreeEntry& entry, LastDirectory&) const {
  const auto found = TRY(view_.find(entry.path));
  if (!found) return os::Xattrs();
  const os::Xattrs on_disk = TRY(view_.xattrs_on_disk(*found));
  return snapshot::image_xattrs(on_disk);
}

namespace {

/// What is there in place of `path`, each of its components replaced by the nearest name.
std::optional<os::RelPath> nearest_path(const SourceTree& tree, const os::RelPath& path) {
  os::RelPath at;
  for (const std::string_view part : path.components()) {
    const auto there = tree.find(at / part);
    if (there && *there) {
      at = at / part;
      continue;
    }
    const auto names = tree.list(at);
    const auto near = names ? nearest_word(part, *names) : std::nullopt;
    if (!near) return std::nullopt;
    at = at / *near;
  }
  return at;
}

}  // namespace

Error absent(const SourceTree& tree, const os::RelPath& named, const os::RelPath& resolved) {
  std::string hint = tree.absence_hint(resolved);
  if (hint.empty()) {
    if (const auto near = nearest_path(tree, resolved)) hint = "did you mean /" + near->str() + "?";
  }
  return not_found(llb::absence_of("/" + named.str())).with_hint(std::move(hint));
}

}  // namespace kiln::solver
