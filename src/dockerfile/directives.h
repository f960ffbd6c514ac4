// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/source.h"

namespace kiln::dockerfile {

/// Parser directives: comments `# name=value` before anything else in the file.
struct Directives {
  /// `\` or `` ` ``.
  char escape = '\\';
  /// Of `# syntax=docker/dockerfile:1`: the whole value.
  std::optional<Word> syntax;
  /// Of `# check=skip=all`.
  std::optional<Word> check;
  /// The lines at the start of the file that they, and a `#!` line, take up.
  unsigned line_count = 0;
};

/// Reads the directives of a Dockerfile. After a `#!` line only syntax and check count, as in
/// BuildKit.
Directives parse_directives(const Source& source, std::vector<Diagnostic>& errors);

/// The frontend that a build definition of any kind asks for: `# syntax=`, `// syntax=` or a JSON
/// object's "syntax", its first word.
std::optional<std::string> find_syntax(const Source& source);

}  // namespace kiln::dockerfile
