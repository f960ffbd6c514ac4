// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::llb {

/// One way in which two ops differ, in the words of a Dockerfile: `ENV A`, `--chown`,
/// `the command`. An empty side means that it is not there, or that its value is of no use to
/// people; a variable whose value is empty has `""`.
struct OpChange {
  std::string what;
  std::string before, after;
  bool operator==(const OpChange&) const = default;
};

/// How the op encoded as `after` differs from the one encoded as `before`; empty for equal ones.
/// `args` names the variables that are build arguments: the others of an environment are ENV.
std::vector<OpChange> op_changes(std::string_view before, std::string_view after,
                                 const std::vector<std::string>& args);

/// Where a RUN's mount brings files from and where it puts them.
struct MountPlace {
  std::string target;
  std::string source;  ///< in what it is mounted from; empty for types without one
};
/// The mounts of an encoded RUN, in order.
std::vector<MountPlace> mount_places(std::string_view encoded);

/// Whether both encoded ops are RUNs, or both copy, and so on.
bool are_of_one_kind(std::string_view a, std::string_view b);

}  // namespace kiln::llb
