// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace kiln::dockerfile {

/// Splits at blanks that are neither quoted nor escaped; quotes and escapes stay in the words.
std::vector<std::string_view> split_quoted_words(std::string_view text, char escape);

}  // namespace kiln::dockerfile
