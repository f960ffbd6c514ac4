// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::executor {

/// What a profile's conditions are asked about.
struct SeccompTarget {
  std::string architecture;               ///< as Go names it: amd64, arm64 …
  std::vector<std::string> capabilities;  ///< the bounding set: CAP_CHOWN …
  unsigned kernel_major = 0;
  unsigned kernel_minor = 0;
};

/// Turns a profile in Docker's format (`archMap`, and rules with `includes` and `excludes` of
/// capabilities, architectures and a least kernel) into the text of the OCI runtime specification's
/// `linux.seccomp`, with the rules that apply to `target`. Kind corrupt if it isn't such a profile.
Result<std::string> resolve_seccomp(std::string_view profile, const SeccompTarget& target);

/// The profile that is used where the machine has none: every system call of Linux 6.6 but those
/// that Docker's documentation lists as blocked; unknown ones give ENOSYS. In Docker's format.
const std::string& builtin_seccomp_profile();

}  // namespace kiln::executor
