// SPDX-License-Identifier: Apache-2.0
#include "snapshot/directory_times.h"

namespace kiln::snapshot {

void DirectoryTimes::add(const os::RelPath& path, Time time) {
  Node& node = at(path);
  if (!node.time) node.time = time;
}

DirectoryTimes::Node& DirectoryTimes::at(const os::RelPath& path) {
  Node* node = &root_;
  for (const std::string_view name : path.components()) {
    auto child = node->children.find(name);
    if (child == node->children.end()) child = node->children.try_emplace(std::string(name)).first;
    node = &child->second;
  }
  return *node;
}

Result<void> DirectoryTimes::visit(const Visitor& visitor) const {
  return visit(root_, {}, visitor);
}

Result<void> DirectoryTimes::visit(const Node& node, const os::RelPath& path,
                                   const Visitor& visitor) {
  for (const auto& [name, child] : node.children) TRY(visit(child, path / name, visitor));
  if (node.time) TRY(visitor(path, *node.time));
  return {};
}

}  // namespace kiln::snapshot
