// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lint/findings.h"
#include "lint/source_lines.h"

namespace kiln::lint {

/// What syntax rules look at. They end where parsing does: at `error_line`, 0 if there is none.
struct SyntaxView {
  const dockerfile::Source& source;
  const SourceLines& lines;
  char escape;
  unsigned error_line = 0;
};

/// Rules that need no more than the text of one instruction.
void check_syntax(const SyntaxView& view, Findings& findings);

/// `text` as one value that expansion gives back as it is, in double quotes.
std::string quoted_literal(std::string_view text, char escape);

/// Whether the words at `range` are written in one piece, so that an edit can replace them.
bool is_written_as(const dockerfile::Source& source, dockerfile::Range range,
                   std::string_view words);

}  // namespace kiln::lint
