// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace kiln::llb {

/// A value of --chmod: octal, 0 to 07777, or chmod(1)'s symbolic form, `u=rwX,go=rX`. Kind
/// invalid_input for anything else.
Result<void> check_mode(std::string_view text);

enum class IsDirectory { yes, no };

/// What becomes of permission bits (07777) under a mode that check_mode accepts. No umask applies.
std::uint32_t apply_mode(std::string_view text, std::uint32_t old, IsDirectory directory);

}  // namespace kiln::llb
