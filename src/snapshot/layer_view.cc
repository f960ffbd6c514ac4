// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_view.h"

#include <set>

#include "os/file_io.h"

namespace kiln::snapshot {
namespace {

constexpr std::size_t kMaxTextSize = std::size_t{16} << 20;

/// What one layer says of a path.
struct Finding {
  enum Kind { nothing, entry, hidden } kind = nothing;
  os::FileInfo info = {};
};

Result<Finding> look_up(const store::OpenLayer& layer, const os::RelPath& path) {
  // Most layers have nothing of most paths, and their tops say so.
  if (layer.top && !path.is_root() && !layer.top->contains(std::string(path.components().front())))
    return is_opaque(layer.xattrs) ? Finding{Finding::hidden} : Finding{};
  const auto info = TRY(layer.fs.find_beneath(path));
  if (info) {
    if (info->is_whiteout()) return Finding{Finding::hidden};
    return Finding{Finding::entry, *info};
  }
  return Finding{};
}

/// Whether a layer hides, by a whiteout, a file or an opaque directory on the way to `path`,
/// whatever lower layers have there.
Result<bool> hides_below(const store::OpenLayer& layer, const os::RelPath& path) {
  os::RelPath prefix;
  for (const std::string_view part : path.components()) {
    if (prefix.is_root() && layer.top && !layer.top->contains(std::string(part)))
      return is_opaque(layer.xattrs);
    const auto info = TRY(layer.fs.find_beneath(prefix));
    if (!info) return false;  // nothing at all here: nothing deeper either
    if (info->type != os::FileType::directory) return true;
    const bool opaque = TRY(layer.fs.has_xattr_beneath(prefix, kOpaqueXattr, "y"));
    if (opaque) return true;
    prefix = prefix / part;
  }
  return false;
}

}  // namespace

LayerView::LayerView(std::vector<os::Dir> lowest_first) {
  for (auto& dir : lowest_first)
    layers_.push_back(std::make_shared<const store::OpenLayer>(store::OpenLayer{std::move(dir)}));
}

Result<LayerView> LayerView::open(const store::LayerStore& store,
                                  const std::vector<oci::DiffId>& layers) {
  Layers opened;
  opened.reserve(layers.size());
  for (const auto& id : layers) {
    auto layer = TRY(store.open(id));
    opened.push_back(std::move(layer));
  }
  return LayerView(std::move(opened));
}

Result<std::optional<ViewEntry>> LayerView::find(const os::RelPath& path) const {
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Finding found = TRY(look_up(*layers_[i], path));
    if (found.kind == Finding::hidden) return std::optional<ViewEntry>();
    if (found.kind == Finding::entry) {
      ViewEntry entry{found.info, i, path};
      if (path.is_root()) TRY(date_root(entry.info));
      return std::optional(std::move(entry));
    }
    const bool hidden = TRY(hides_below(*layers_[i], path));
    if (hidden) return std::optional<ViewEntry>();
  }
  return std::optional<ViewEntry>();
}

/// Most layers' streams don't name the root, and their directories have it at time 0: what one of
/// them says counts for those above it too.
Result<void> LayerView::date_root(os::FileInfo& root) const {
  for (const auto& layer : layers_) {
    std::optional<os::FileInfo> known = layer->info;
    if (!known) known = TRY(layer->fs.stat("."));
    const os::FileInfo& info = *known;
    if (std::pair(info.mtime, info.mtime_nanoseconds) <=
        std::pair(root.mtime, root.mtime_nanoseconds))
      continue;
    root.mtime = info.mtime;
    root.mtime_nanoseconds = info.mtime_nanoseconds;
  }
  return {};
}

Result<os::RelPath> LayerView::resolve(std::string_view path, Last last) const {
  return resolve_links(path, last,
                       [this](const os::RelPath& at) -> Result<std::optional<std::string>> {
                         const auto entry = TRY(find(at));
                         if (!entry) return std::optional<std::string>();
                         if (entry->info.type != os::FileType::symlink)
                           return std::optional(std::string());
                         std::string target = TRY(read_link(*entry));
                         return std::optional(std::move(target));
                       });
}

Result<std::optional<ViewEntry>> LayerView::find_resolved(std::string_view path) const {
  const os::RelPath resolved = TRY(resolve(path, Last::follow));
  return find(resolved);
}

Result<std::vector<std::string>> LayerView::list(const os::RelPath& directory) const {
  std::set<std::string> names, hidden;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Finding found = TRY(look_up(*layers_[i], directory));
    if (found.kind == Finding::hidden) break;
    if (found.kind == Finding::entry) {
      if (found.info.type != os::FileType::directory) break;
      const os::Dir dir = TRY(layer(i).open_dir_beneath(directory));
      const std::vector<os::DirEntry> entries = TRY(dir.list());
      for (const auto& entry : entries) {
        if (hidden.contains(entry.name)) continue;
        bool whiteout = false;
        if (entry.type == os::FileType::char_device) {
          const os::FileInfo info = TRY(dir.stat(entry.name));
          whiteout = info.is_whiteout();
        }
        if (!whiteout) {
          names.insert(entry.name);
        } else if (!names.contains(entry.name)) {
          hidden.insert(entry.name);
        }
      }
      const auto opaque = TRY(dir.find_xattr(".", kOpaqueXattr));
      if (opaque == "y") break;
    }
    const bool below_hidden = TRY(hides_below(*layers_[i], directory));
    if (below_hidden) break;
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<os::Fd> LayerView::open_file(const ViewEntry& entry) const {
  return layer(entry.layer).open_file_beneath(entry.path);
}

Result<std::string> LayerView::read_link(const ViewEntry& entry) const {
  const os::Dir parent = TRY(layer(entry.layer).open_dir_beneath(entry.path.parent()));
  return parent.read_link(entry.path.name());
}

Result<os::Xattrs> LayerView::xattrs_on_disk(const ViewEntry& entry) const {
  if (entry.path.is_root()) return layer(entry.layer).xattrs(".");
  const os::Dir parent = TRY(layer(entry.layer).open_dir_beneath(entry.path.parent()));
  return parent.xattrs(entry.path.name());
}

Result<Metadata> LayerView::metadata(const ViewEntry& entry) const {
  const os::Xattrs on_disk = TRY(xattrs_on_disk(entry));
  const os::FileInfo& info = entry.info;
  return Metadata{info.permissions,     info.uid, info.gid, info.mtime, info.mtime_nanoseconds,
                  image_xattrs(on_disk)};
}

Result<std::optional<std::string>> LayerView::read_text(std::string_view path) const {
  const auto entry = TRY(find_resolved(path));
  if (!entry || entry->info.type != os::FileType::file) return std::optional<std::string>();
  const os::Fd fd = TRY(open_file(*entry));
  std::string text = TRY(os::read_all(fd, path, kMaxTextSize));
  return std::optional(std::move(text));
}

}  // namespace kiln::snapshot
