// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dockerfile/directives.h"
#include "dockerfile/instructions.h"

namespace kiln::dockerfile {

struct Dockerfile {
  Source source;
  Directives directives;
  /// The ARG instructions before the first FROM.
  std::vector<Instruction> global_args;
  /// At least one.
  std::vector<Stage> stages;
  /// What parsed, but is likely a mistake.
  std::vector<Diagnostic> warnings;
};

/// Parses a Dockerfile, in BuildKit's language. `name` is what errors call it. All errors of the
/// file are reported at once, in one Error of kind invalid_input (see to_error()).
Result<Dockerfile> parse(std::string name, std::string text);

/// Parses a single instruction, heredocs included, such as an ONBUILD trigger of a base image.
/// FROM, MAINTAINER and ONBUILD are refused, as they are no triggers.
Result<Instruction> parse_instruction(std::string_view text, char escape);

}  // namespace kiln::dockerfile
