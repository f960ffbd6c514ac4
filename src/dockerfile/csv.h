// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::dockerfile {

/// The fields of one line of CSV (RFC 4180), as `RUN --mount=` and its like are written.
Result<std::vector<std::string>> csv_fields(std::string_view text);

}  // namespace kiln::dockerfile
