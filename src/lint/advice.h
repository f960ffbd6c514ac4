// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lint/file_view.h"
#include "lint/findings.h"
#include "lint/lint.h"

namespace kiln::lint {

/// kiln's own rules: about size, cache use, secrets and traps. They look at the text alone, never
/// at a base image.
void check_advice(const FileView& view, const LintRequest& request, Findings& findings);

}  // namespace kiln::lint
