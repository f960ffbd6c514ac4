// SPDX-License-Identifier: Apache-2.0
#include "snapshot/settle.h"

#include "os/file_io.h"
#include "os/kernel.h"
#include "os/system.h"
#include "snapshot/layer_apply.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

/// After twice the time at which Linux begins to write what waits in memory
/// (dirty_expire_centisecs).
constexpr std::int64_t kWrittenAfterSeconds = 60;
/// As long as others have more than this to write, the disk is busy and we would wait for them.
constexpr std::uint64_t kQuietBytes = std::uint64_t{32} << 20;

Result<bool> is_whole(store::Store& store, const store::UnsettledLayer& layer) {
  const auto root = os::Dir::open(store.paths().layer_fs(layer.diff_id));
  if (!root) {
    if (root.error().kind() == ErrorKind::not_found) return false;
    return root.error();
  }
  if (layer.tree) {
    const TreeDigest tree = TRY(digest_tree(*root));
    return tree.diff_id == *layer.tree;
  }
  const store::LayerInfo info = TRY(store.layers().get(layer.diff_id));
  auto same = is_what_its_blob_unpacks_to(store, info);
  // A blob that is damaged as well can prove nothing.
  if (!same && same.error().kind() == ErrorKind::corrupt) return false;
  return same;
}

}  // namespace

Result<std::vector<oci::DiffId>> settle_layers(store::Store& store) {
  std::vector<oci::DiffId> lost;
  const std::vector<store::UnsettledLayer> layers = TRY(store.layers().unsettled());
  if (layers.empty()) return lost;
  const std::string boot = os::boot_id();
  const std::int64_t now = os::wall_clock().seconds;
  std::vector<oci::DiffId> safe, written;
  for (const auto& layer : layers) {
    if (layer.boot == boot) {
      const std::int64_t age = now - layer.made;
      if (age < 0 || age >= kWrittenAfterSeconds) written.push_back(layer.diff_id);
      continue;
    }
    const bool whole = TRY(is_whole(store, layer).context("layer " + layer.diff_id.str()));
    if (whole) {
      safe.push_back(layer.diff_id);
    } else {
      TRY(store.layers().remove(layer.diff_id));
      lost.push_back(layer.diff_id);
    }
  }
  if (!written.empty() && os::unwritten_bytes() < kQuietBytes) {
    TRY(os::sync_file_system(store.paths().layers()));
    safe.insert(safe.end(), written.begin(), written.end());
  }
  // It costs nothing to do this again: a full disk is no reason not to go on.
  auto settled = store.layers().settle(safe);
  if (!settled && settled.error().kind() != ErrorKind::no_space) return std::move(settled).error();
  return lost;
}

}  // namespace kiln::snapshot
