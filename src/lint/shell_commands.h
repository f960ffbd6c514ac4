// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/instructions.h"

namespace kiln::lint {

/// One simple command of a shell script.
struct ShellCommand {
  /// Quotes removed, variables as written.
  std::vector<std::string> words;
  /// Its output goes into the next one.
  bool piped = false;

  /// The words from the program on, without assignments, sudo and the like; empty if there is none.
  std::vector<std::string> command() const;
};

/// The commands of a script in their order, whatever joins them. What is inside `$(…)` stays a part
/// of its word; control words (`if`, `do`, `{` …) are left out.
std::vector<ShellCommand> parse_shell(std::string_view script);

/// What a RUN runs: of the shell form, a heredoc for a shell, or `["sh", "-c", …]`.
std::vector<ShellCommand> commands_of(const dockerfile::Run& run);

}  // namespace kiln::lint
