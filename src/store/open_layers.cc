// SPDX-License-Identifier: Apache-2.0
#include "store/open_layers.h"

#include <utility>
#include <vector>

namespace kiln::store {
namespace {

/// Each of them is a file descriptor.
constexpr std::size_t kMostLayers = 512;
constexpr std::size_t kMostNames = 4096;

Result<std::shared_ptr<const OpenLayer>> read(const std::string& path) {
  OpenLayer out;
  out.fs = TRY(os::Dir::open(path));
  out.xattrs = TRY(out.fs.xattrs("."));
  out.info = TRY(out.fs.stat("."));
  std::vector<os::DirEntry> entries = TRY(out.fs.list());
  if (entries.size() <= kMostNames) {
    auto& names = out.top.emplace();
    for (auto& entry : entries) names.insert(std::move(entry.name));
  }
  return std::make_shared<const OpenLayer>(std::move(out));
}

}  // namespace

Result<std::shared_ptr<const OpenLayer>> OpenLayers::open(const oci::DiffId& id,
                                                          const std::string& path) {
  {
    const std::scoped_lock lock(mutex_);
    const auto known = layers_.find(id);
    if (known != layers_.end()) return known->second;
  }
  auto opened = TRY(read(path).context("layer " + id.str()));
  const std::scoped_lock lock(mutex_);
  if (layers_.size() >= kMostLayers) layers_.clear();
  return layers_.insert_or_assign(id, std::move(opened)).first->second;
}

void OpenLayers::forget(const oci::DiffId& id) {
  const std::scoped_lock lock(mutex_);
  layers_.erase(id);
}

void OpenLayers::forget_all() {
  const std::scoped_lock lock(mutex_);
  layers_.clear();
}

}  // namespace kiln::store
