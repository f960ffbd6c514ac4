// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/terminal.h"
#include "solver/progress.h"

namespace kiln::cli {

enum class ProgressMode {
  automatic,  ///< tty if the output is a terminal, else plain
  plain,
  tty,
  quiet,
  raw_json,
};

/// docker's words for `--progress`: auto, none, plain, tty, quiet, rawjson; empty is auto.
std::optional<ProgressMode> parse_progress_mode(std::string_view word);

struct ProgressOptions {
  ProgressMode mode = ProgressMode::automatic;
  Colours colours = {};
  /// The path of a file that plain progress (or raw_json) is added to, in place of `fd`; empty:
  /// none.
  std::string log_file = {};
};

/// A display of a build that writes to `fd` (which stays the caller's; a copy is kept). It may be
/// destroyed before the build has ended: the terminal is then left as it was found. When writing
/// fails the display goes silent, the build goes on. Kind invalid_input if a live display is wanted
/// and `fd` is no terminal.
Result<std::unique_ptr<solver::Progress>> create_progress(int fd, const ProgressOptions& options);

}  // namespace kiln::cli
