// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::os {

/// Longer paths than this, their end counted, the kernel takes only in pieces.
inline constexpr std::size_t kPathLimit = 4096;

/// A path below some root: components joined by '/', none of them empty, "." or "..".
/// The empty path is the root itself.
class RelPath {
 public:
  RelPath() = default;
  /// Lexically cleaned as in a chroot: `..` stops at the root, leading slashes are dropped.
  static RelPath clean(std::string_view path);

  const std::string& str() const { return path_; }
  const char* c_str() const { return path_.c_str(); }
  bool is_root() const { return path_.empty(); }
  RelPath parent() const;
  /// A view into this path.
  std::string_view name() const&;
  std::string_view name() const&& = delete;
  /// `component` must be a single name.
  RelPath operator/(std::string_view component) const;
  /// Views into this path, which must outlive them.
  std::vector<std::string_view> components() const&;
  std::vector<std::string_view> components() const&& = delete;
  auto operator<=>(const RelPath&) const = default;

 private:
  std::string path_;
};

}  // namespace kiln::os
