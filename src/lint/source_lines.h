// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/directives.h"
#include "dockerfile/keywords.h"
#include "dockerfile/lexer.h"

namespace kiln::lint {

/// An instruction as it is written, whether it parses or not.
struct SourceLine {
  dockerfile::LogicalLine text;
  dockerfile::Statement statement;
  /// nullopt for an unknown word.
  std::optional<dockerfile::Keyword> keyword;
  /// Its first and last line; heredocs included.
  unsigned first = 0, last = 0;
  /// The last line before its heredocs.
  unsigned last_of_text = 0;

  std::vector<std::string_view> arguments() const;
};

/// What the comment `# NAME text` above an instruction says of `name`, or nothing.
std::string description_of(const std::vector<std::string>& comments, std::string_view name);

/// Deque: lines are views into themselves and don't move.
using SourceLines = std::deque<SourceLine>;

/// All instructions of a file, as far as they can be told apart.
SourceLines read_source_lines(const dockerfile::Source& source,
                              const dockerfile::Directives& directives);

}  // namespace kiln::lint
