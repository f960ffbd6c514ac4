// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace kiln::dockerfile {

/// A Dockerfile's tree as JSON, for tests and for programs that want to read Dockerfiles:
///
///   {"escape": "\\", "syntax": …, "check": …,            the last two where they are given
///    "instructions": [
///      {"instruction": "COPY",                           upper case
///       "flags": [{"name": "chown", "value": "1", "range": R}],
///       "form": "json" | "words" | "text" | "pairs" | "legacy-pair",
///       "arguments": [{"text": "<<EOF", "range": R}],    before expansion; pairs as `name=value`
///       "trigger": {…},                                  of ONBUILD, not form and arguments
///       "heredocs": [{"name": "EOF", "expand": true, "chomp": false, "content": "…",
///                     "line": 4, "range": R}],
///       "comments": ["…"], "original": "COPY <<EOF /a", "range": R}]}
///
/// R is "line:column-line:column", counted from 1, the end excluded; columns count bytes. Lists
/// that are empty are left out, but for arguments. Fails as parse() does.
Result<std::string> syntax_tree(std::string name, std::string text);

}  // namespace kiln::dockerfile
