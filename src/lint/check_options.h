// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lint/rules.h"

namespace kiln::lint {

/// What `# check=skip=A,B;error=true;experimental=C` asks for.
struct CheckOptions {
  bool skip_all = false;
  std::set<std::string, std::less<>> skipped;
  bool experimental_all = false;
  std::set<std::string, std::less<>> experimental;
  /// Any finding fails the build.
  bool error = false;
};

/// The value of a check directive, or of the build argument BUILDKIT_DOCKERFILE_CHECK; names are
/// not checked, so that a file may name rules of another version. Kind invalid_input; `failed` then
/// is the part of `text` that is wrong.
Result<CheckOptions> parse_check_options(std::string_view text, std::string_view* failed = nullptr);
/// The same of a directive, whose value ends at its first blank.
Result<CheckOptions> parse_check_directive(std::string_view value,
                                           std::string_view* failed = nullptr);

/// `options` with what a comment `check=…` right above an instruction adds for that one.
CheckOptions with_comments(const CheckOptions& options, const std::vector<std::string>& comments);

/// Who asks.
enum class Caller {
  build,  ///< `build`, `build --check`: what docker's would show
  lint,   ///< `lint`: every rule
};
bool is_enabled(const CheckOptions& options, Rule rule, Caller caller);

}  // namespace kiln::lint
