// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "os/binfmt_namespace.h"

namespace kiln::executor {

/// How programs of other machines are run: by qemu's user emulation, which the
/// kernel is told about in a user namespace of ours, or, where it can't be told
/// there, as the machine's owner has set it up. Architectures are named as Go
/// does.
class Emulation {
 public:
  /// Kind unsupported, saying what is missing, if `architecture` can't be
  /// emulated; for others `check` tells.
  static Result<Emulation> create(const std::string& architecture);

  Result<void> check(const std::string& architecture) const;
  /// Where such programs run; nullptr: anywhere.
  const os::Fd* user_namespace() const {
    return namespace_ ? &namespace_->user_namespace() : nullptr;
  }

 private:
  std::optional<os::BinfmtNamespace> namespace_;
  std::set<std::string> emulated_;  ///< by `namespace_`
};

/// The line that tells the kernel to run programs of `architecture` by the file
/// at `interpreter` (Linux, admin-guide/binfmt-misc); empty for an architecture
/// that isn't known.
std::string binfmt_registration(const std::string& architecture, const std::string& interpreter);

}  // namespace kiln::executor
