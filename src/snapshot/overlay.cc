// SPDX-License-Identifier: Apache-2.0
#include "snapshot/overlay.h"

#include <algorithm>
#include <set>

#include "snapshot/layer_form.h"

namespace kiln::snapshot {

namespace {

/// A layer that stands in a stack more than once counts where it is topmost: whatever it has or
/// hides there is decided by that. Overlayfs takes no directory twice.
std::vector<oci::DiffId> without_repeats(const std::vector<oci::DiffId>& layers) {
  std::vector<oci::DiffId> out;
  std::set<oci::DiffId> seen;
  for (auto it = layers.rbegin(); it != layers.rend(); ++it) {
    if (seen.insert(*it).second) out.push_back(*it);
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace

Result<os::Mount> mount_layers(const store::LayerStore& store,
                               const std::vector<oci::DiffId>& layers, const std::string& upper,
                               const std::string& work, const std::string& mount_point,
                               const std::string& empty_dir, os::Devices devices) {
  std::vector<os::Dir> lower = TRY(store.open_all(without_repeats(layers)));
  const os::Dir upper_dir = TRY(os::Dir::open(upper));
  const os::Dir work_dir = TRY(os::Dir::open(work));
  if (lower.empty()) {
    TRY(os::ensure_directory(empty_dir));
    os::Dir empty = TRY(os::Dir::open(empty_dir));
    lower.push_back(std::move(empty));
  }
  // The merged root shows the metadata of the upper directory. A layer may call its own root
  // private, but no user could do anything then; Docker's is the same whatever the layers say.
  TRY(upper_dir.set_mode(".", 0755));
  std::vector<const os::Dir*> topmost_first;
  for (auto it = lower.rbegin(); it != lower.rend(); ++it) {
    topmost_first.push_back(&*it);
    // The kernel doesn't look for this mark at a layer's root.
    const auto mark = TRY(it->find_xattr(".", kOpaqueXattr));
    if (mark == "y") break;
  }
  return os::Mount::overlay(topmost_first, &upper_dir, &work_dir, mount_point, devices);
}

}  // namespace kiln::snapshot
