// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dockerfile/source.h"
#include "lint/findings.h"

namespace kiln::lint {

/// Findings and, if there is one, the error that planning or parsing ended with.
struct Report {
  const dockerfile::Source& source;
  std::vector<Finding> findings;
  const Error* error = nullptr;
};

/// `--call=check`: a count, and each finding with its lines, as docker prints them. `path` is how
/// the file is called there. The error is not part of it.
std::string check_text(const Report& report, std::string_view path);
/// `--call=check,format=json`: docker's object.
std::string check_json(const Report& report);
/// `kiln lint`: a line for each finding, with the words marked.
std::string lint_text(const Report& report, std::string_view path);
/// SARIF 2.1.0. `path` is relative to what the reader resolves it against.
std::string sarif(const Report& report, std::string_view path, std::string_view version);

/// The lines that are meant, with two around them, in docker's frame.
std::string framed_lines(const dockerfile::Source& source, std::string_view path, unsigned first,
                         unsigned last);
/// `RULE: detail (line 3)`: in a build's list of warnings.
std::string short_text(const Finding& finding);

}  // namespace kiln::lint
