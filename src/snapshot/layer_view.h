// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "os/dir.h"
#include "snapshot/layer_form.h"
#include "snapshot/link_resolution.h"
#include "store/layer_store.h"

namespace kiln::snapshot {

/// An entry of the file system that a stack of layers makes, and where its bytes are.
struct ViewEntry {
  os::FileInfo info;
  std::size_t layer;  ///< index into the view's layers; the topmost that has it
  os::RelPath path;   ///< in the view and in that layer: no symlink on the way
};

/// Reads the merged file system of a stack of layers without mounting it: overlayfs's rules for
/// whiteouts and opaque directories, in user space. Immutable, thread-safe.
class LayerView {
 public:
  /// `layers` lowest first; none at all is an empty root.
  static Result<LayerView> open(const store::LayerStore& store,
                                const std::vector<oci::DiffId>& layers);
  using Layers = std::vector<std::shared_ptr<const store::OpenLayer>>;
  explicit LayerView(Layers lowest_first) : layers_(std::move(lowest_first)) {}
  /// Of directories that may still change.
  explicit LayerView(std::vector<os::Dir> lowest_first);

  /// Without following symlinks, not even on the way.
  Result<std::optional<ViewEntry>> find(const os::RelPath& path) const;
  /// As a process chrooted here would resolve it; see resolve_links.
  Result<os::RelPath> resolve(std::string_view path, Last last) const;
  /// find(resolve(path)).
  Result<std::optional<ViewEntry>> find_resolved(std::string_view path) const;

  /// Names in a merged directory, sorted; empty if it isn't one.
  Result<std::vector<std::string>> list(const os::RelPath& directory) const;
  Result<os::Fd> open_file(const ViewEntry& entry) const;
  Result<std::string> read_link(const ViewEntry& entry) const;
  Result<os::Xattrs> xattrs_on_disk(const ViewEntry& entry) const;
  Result<Metadata> metadata(const ViewEntry& entry) const;
  /// A small text file such as /etc/passwd; nullopt if it isn't there.
  Result<std::optional<std::string>> read_text(std::string_view path) const;

  const os::Dir& layer(std::size_t index) const { return layers_[index]->fs; }
  std::size_t size() const { return layers_.size(); }

 private:
  Result<void> date_root(os::FileInfo& root) const;
  Layers layers_;
};

}  // namespace kiln::snapshot
