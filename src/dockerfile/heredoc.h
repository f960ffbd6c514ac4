// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dockerfile/lexer.h"

namespace kiln::dockerfile {

/// `<<NAME`, `<<-NAME`, `3<<"NAME"`: the heredoc that the word starts, without content; nullopt if
/// it starts none. The escape character in it is `\`, whatever the file says.
Result<std::optional<Heredoc>> parse_heredoc_word(std::string_view word);

/// The heredocs that a statement of `line` starts, in their order; only RUN, COPY and ADD in shell
/// form can, also behind ONBUILD. An unknown keyword is taken for a misspelt one of them.
std::vector<Heredoc> find_heredocs(const LogicalLine& line, const Statement& statement, char escape,
                                   std::vector<Diagnostic>& errors);

/// `content` without the tabs at the start of each line.
std::string chomp_leading_tabs(std::string_view content);

}  // namespace kiln::dockerfile
