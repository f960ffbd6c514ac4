// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/dir.h"

namespace kiln::os {

/// Whether what is behind device files can be reached through a mount.
enum class Devices { closed, open };

/// A mount that is taken away when this goes. The process must be in a mount namespace of its own
/// (enter_user_namespace), so that a killed process leaves none behind.
class Mount {
 public:
  Mount() = default;
  Mount(Mount&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  Mount& operator=(Mount&& other) noexcept {
    if (this != &other) {
      reset();
      target_ = std::exchange(other.target_, {});
    }
    return *this;
  }
  ~Mount() { reset(); }

  const std::string& target() const { return target_; }
  void reset();

  /// Overlays `lower` (topmost first; at least one, and two without `upper`), any number that the
  /// kernel takes, under `upper` at `target`. Without `upper` it is read-only. Marks are kept in
  /// user.overlay.* xattrs
  /// (`userxattr`), as root too, so that one form of layer serves root and ordinary users.
  static Result<Mount> overlay(const std::vector<const Dir*>& lower, const Dir* upper,
                               const Dir* work, const std::string& target,
                               Devices devices = Devices::closed);
  /// An empty file system in memory at `target`: what is in it never reaches a disk's file system.
  static Result<Mount> memory(const std::string& target, unsigned mode);

 private:
  explicit Mount(std::string target) : target_(std::move(target)) {}
  std::string target_;
};

}  // namespace kiln::os
