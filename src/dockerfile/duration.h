// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace kiln::dockerfile {

/// Nanoseconds of a Go duration: `1h30m`, `1.5s`, `-20ms`, `0`.
Result<std::int64_t> parse_duration(std::string_view text);

}  // namespace kiln::dockerfile
