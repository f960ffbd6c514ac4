// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/dir.h"

namespace kiln::snapshot {

/// The modification times that directories of an archive get once everything in them is there.
/// Held as a tree: its size is that of the directories' names, not of their paths.
class DirectoryTimes {
 public:
  struct Time {
    std::int64_t seconds;  ///< since 1970
    std::uint32_t nanoseconds;
  };
  using Visitor = std::function<Result<void>(const os::RelPath&, const Time&)>;

  void set(const os::RelPath& path, Time time) { at(path).time = time; }
  /// Unless it has one.
  void add(const os::RelPath& path, Time time);
  /// Calls `visitor` for each directory, what is inside of it first, until one call fails.
  Result<void> visit(const Visitor& visitor) const;

 private:
  struct Node {
    std::map<std::string, Node, std::less<>> children;
    std::optional<Time> time;
  };

  Node& at(const os::RelPath& path);
  static Result<void> visit(const Node& node, const os::RelPath& path, const Visitor& visitor);

  Node root_;
};

}  // namespace kiln::snapshot
