// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// A user namespace below this process's, with the same ids, in which the
/// kernel runs programs of certain kinds through interpreters (binfmt_misc,
/// which such namespaces have of their own since Linux 6.7). Nothing outside of
/// it changes, and nothing of it is left when this goes or the process ends,
/// however it ends.
class BinfmtNamespace {
 public:
  /// `registrations` are lines for binfmt_misc's `register`. The process must
  /// be root, or root of a user namespace. Kind unsupported if the kernel can't
  /// do it.
  static Result<BinfmtNamespace> create(const std::vector<std::string>& registrations);

  BinfmtNamespace(BinfmtNamespace&& other) noexcept
      : holder_(std::exchange(other.holder_, -1)),
        alive_(std::move(other.alive_)),
        user_namespace_(std::move(other.user_namespace_)) {}
  BinfmtNamespace& operator=(BinfmtNamespace&&) = delete;
  ~BinfmtNamespace();

  const Fd& user_namespace() const { return user_namespace_; }

 private:
  BinfmtNamespace() = default;
  int holder_ = -1;  ///< a process that keeps the mount; ends when alive_ is closed
  Fd alive_;
  Fd user_namespace_;
};

}  // namespace kiln::os
