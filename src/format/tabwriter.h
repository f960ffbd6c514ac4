// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kiln::format {

/// Aligns text whose cells end in tabs as Go's text/tabwriter does with docker's settings: cells of
/// neighbouring lines form a column, at least 10 wide, with 3 blanks behind the longest. What
/// follows a line's last tab belongs to no column.
std::string align_columns(std::string_view text);

}  // namespace kiln::format
