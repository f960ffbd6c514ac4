// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

/// How docker shows times.
namespace kiln::cli {

/// `3 minutes ago`; empty for 0, which is no time.
std::string ago_text(std::int64_t seconds);
/// Go's form of a time in UTC: `2024-01-02 03:04:05 +0000 UTC`.
std::string go_time_text(std::int64_t seconds);

}  // namespace kiln::cli
