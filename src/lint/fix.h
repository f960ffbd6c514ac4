// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "lint/lint.h"

namespace kiln::lint {

struct FixedText {
  std::string text;
  /// Findings that were mended.
  std::size_t count = 0;
};

/// Mends what enabled rules know to mend, over again until nothing is left to do, so that fixing
/// the result changes nothing. All else stays byte for byte. Kind invalid_input if the text does
/// not parse.
Result<FixedText> fix(const std::string& name, const std::string& text, const LintRequest& request);

/// What differs, as `diff -u` shows it; empty if nothing does.
std::string unified_diff(std::string_view path, std::string_view before, std::string_view after);

}  // namespace kiln::lint
