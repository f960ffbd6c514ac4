// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lint/file_view.h"
#include "lint/findings.h"

namespace kiln::lint {

/// Rules about stages side by side, and about the file as a whole.
void check_stages(const FileView& view, Findings& findings);

}  // namespace kiln::lint
