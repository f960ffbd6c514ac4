// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/result.h"
#include "oci/digest.h"
#include "os/dir.h"

namespace kiln::store {

/// A layer's directory, and what stands at its top, so that who looks for a path in a high stack of
/// layers need not ask the kernel for each of them.
struct OpenLayer {
  os::Dir fs = {};
  os::Xattrs xattrs = {};                 ///< of the directory itself
  std::optional<os::FileInfo> info = {};  ///< of the directory itself; nullopt: nobody has read it
  /// Names in it; nullopt where they are too many to be kept, or nobody has read them.
  std::optional<std::unordered_set<std::string>> top = {};
};

/// Layers that this process has opened: a layer never changes. Thread-safe.
class OpenLayers {
 public:
  Result<std::shared_ptr<const OpenLayer>> open(const oci::DiffId& id, const std::string& path);
  void forget(const oci::DiffId& id);
  /// Of layers that may be deleted by others from now on.
  void forget_all();

 private:
  std::mutex mutex_;
  std::map<oci::DiffId, std::shared_ptr<const OpenLayer>> layers_;  // guarded by mutex_
};

}  // namespace kiln::store
