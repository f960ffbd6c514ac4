// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kiln::executor {

/// The last message of level "error" in an OCI runtime's log (`--log-format json`, one object a
/// line); nullopt if there is none.
std::optional<std::string> last_error_in_log(std::string_view log);

/// What a runtime's message means for the user who asked to run `program`: docker's words and exit
/// codes. Knows crun's and runc's messages on programs that can't be executed; any other keeps its
/// text and gets 125.
Error runtime_failure(std::string_view runtime, std::string_view message, std::string_view program);

}  // namespace kiln::executor
