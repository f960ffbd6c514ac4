// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::executor {

/// Who a process runs as.
struct ExecUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> additional_gids;
  std::string home = "/";
  auto operator<=>(const ExecUser&) const = default;
};

/// Resolves a Dockerfile's USER or `--user`, "", "NAME", "UID", "NAME:GROUP", "UID:GID", against
/// the texts of the image's /etc/passwd and /etc/group (empty if it has none), as docker does:
/// - "" is uid 0. A user that is in passwd has its group, home and, unless the string names a
/// group,
///   the additional groups that list it.
/// - A number that is in neither file is taken as it is; a name is an error of kind not_found.
Result<ExecUser> resolve_user(std::string_view user, std::string_view passwd,
                              std::string_view group);

}  // namespace kiln::executor
