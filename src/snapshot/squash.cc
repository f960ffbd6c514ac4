// SPDX-License-Identifier: Apache-2.0
#include "snapshot/squash.h"

#include <map>
#include <memory>
#include <utility>

#include "base/check.h"
#include "snapshot/layer_view.h"
#include "snapshot/layer_writer.h"

namespace kiln::snapshot {
namespace {

class Squasher {
 public:
  Squasher(const LayerView& base, const LayerView& upper, const LayerView& all)
      : base_(&base), upper_(&upper), all_(&all) {}

  Result<PlannedEntry> plan() {
    PlannedEntry root;
    const auto entry = TRY(upper_->find({}));
    CHECK(entry.has_value());
    root.inode->metadata = TRY(upper_->metadata(*entry));
    TRY(add_children(root, {}));
    return root;
  }

 private:
  Result<void> add_children(PlannedEntry& directory, const os::RelPath& path) {
    TRY(add_whiteouts(directory, path));
    const std::vector<std::string> names = TRY(upper_->list(path));
    for (const auto& name : names) {
      const auto entry = TRY(upper_->find(path / name));
      if (!entry || entry->info.type == os::FileType::socket) continue;
      PlannedEntry& child = directory.children[name];
      child = TRY(planned(*entry));
      if (entry->info.type == os::FileType::directory) TRY(add_children(child, entry->path));
    }
    return {};
  }

  /// Marks for what the lower layers have in a directory and the whole has not.
  Result<void> add_whiteouts(PlannedEntry& directory, const os::RelPath& path) {
    const auto below = TRY(base_->find(path));
    if (!below || below->info.type != os::FileType::directory) return {};
    const std::vector<std::string> names = TRY(base_->list(path));
    for (const auto& name : names) {
      const auto entry = TRY(all_->find(path / name));
      if (!entry) directory.children[name].whiteout = true;
    }
    return {};
  }

  Result<PlannedEntry> planned(const ViewEntry& entry) {
    PlannedEntry out;
    const os::FileInfo& info = entry.info;
    if (info.type == os::FileType::directory) {
      out.inode->metadata = TRY(upper_->metadata(entry));
      return out;
    }
    const std::pair place{entry.layer, info.inode};
    const auto known = linked_.find(place);
    if (info.links > 1 && known != linked_.end()) {
      out.inode = known->second;
      return out;
    }
    *out.inode = TRY(inode_of(*upper_, entry));
    if (info.links > 1) linked_.emplace(place, out.inode);
    return out;
  }

  const LayerView *base_, *upper_, *all_;
  /// Files with several names, by layer and inode.
  std::map<std::pair<std::size_t, std::uint64_t>, std::shared_ptr<PlannedInode>> linked_;
};

}  // namespace

Result<store::LayerInfo> squash_layers(store::Store& store, const std::vector<oci::DiffId>& layers,
                                       std::size_t keep, const std::stop_token& stop) {
  const auto border = layers.begin() + static_cast<std::ptrdiff_t>(keep);
  const LayerView base = TRY(LayerView::open(store.layers(), {layers.begin(), border}));
  const LayerView upper = TRY(LayerView::open(store.layers(), {border, layers.end()}));
  const LayerView all = TRY(LayerView::open(store.layers(), layers));
  const PlannedEntry root = TRY(Squasher(base, upper, all).plan());
  store::LayerIngest ingest = TRY(store.layers().create());
  const store::LayerInfo info =
      TRY(write_layer(root, {{}, stop}, ingest, [](auto, const auto&, const auto&) {}));
  TRY(store.layers().commit(std::move(ingest), info));
  return info;
}

}  // namespace kiln::snapshot
