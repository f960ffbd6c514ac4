// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "dockerfile/source.h"

namespace kiln::dockerfile {

/// Whether the frontend that `# syntax=` asks for (see find_syntax()), or `override` in its place
/// if that is not empty, reads Dockerfiles, which kiln does itself. Images are known by the last
/// part of their name: `dockerfile` and `dockerfile-upstream` of docker's, under any registry, with
/// any tag, and `dockerfile.v0`. Any other whose name begins with `dockerfile` is likely a variant:
/// the build goes on, and the diagnostic says so. Anything else is an error of kind unsupported:
/// what the file is written in is not known.
Result<std::optional<Diagnostic>> check_frontend(const Source& source, const std::string& override);

}  // namespace kiln::dockerfile
