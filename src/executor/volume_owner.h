// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln::executor {

/// Whether `path`, which has no symlinks in it, is a folder of the machine that no option may take
/// from its owner: `/`, `/etc`, `/home`, this user's home and the like.
bool belongs_to_machine(const std::string& path);

/// Makes `uid` and `gid` the owners of `path` and of all below it; symlinks are not followed.
Result<void> give_to_user(const std::string& path, std::uint32_t uid, std::uint32_t gid);

}  // namespace kiln::executor
