// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "executor/executor.h"

namespace kiln::executor {

/// Cuts limits down to what this process may set; says which, for the user to read.
std::vector<std::string> fit_ulimits(std::vector<Ulimit>& limits);

}  // namespace kiln::executor
