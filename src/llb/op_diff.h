// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::llb {

/// One way in which two ops differ, in the words of a Dockerfile: `ENV A`, `--chown`,
/// `the command`. An empty side means that it is not there, or that its value is of no use to
/// people.
struct OpChange {
  std::string what;
  std::string before, after;
  bool operator==(const OpChange&) const = default;
};

/// How the op encoded as `after` differs from the one encoded as `before`; empty for equal ones.
/// `args` names the variables that are build arguments: the others of an environment are ENV.
std::vector<OpChange> op_changes(std::string_view before, std::string_view after,
                                 const std::vector<std::string>& args);

}  // namespace kiln::llb
