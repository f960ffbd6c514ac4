// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "executor/executor.h"

namespace kiln::cli {

/// What becomes of a folder of the machine that isn't there.
enum class MissingSource { create, error };

/// `HOST:CONTAINER[:OPTIONS]` of -v.
Result<executor::BindMount> parse_volume(const std::string& text, MissingSource missing);

}  // namespace kiln::cli
