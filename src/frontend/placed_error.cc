// SPDX-License-Identifier: Apache-2.0
#include "frontend/placed_error.h"

#include <fmt/format.h>

namespace kiln::frontend {

Error error_at(const dockerfile::Source& source, dockerfile::Range range, Error error,
               std::optional<dockerfile::Range> focus) {
  std::string text = fmt::format("{}:{}: {}\n{}", source.name(), range.begin.line, error.message(),
                                 dockerfile::excerpt(source, range, focus.value_or(range)));
  Error out(error.kind(), std::move(text));
  if (!error.hint().empty()) return std::move(out).with_hint(error.hint());
  return out;
}

Error all_of(std::vector<Error> errors) {
  if (errors.size() == 1) return std::move(errors.front());
  std::string text;
  for (const auto& error : errors) {
    if (!text.empty()) text += '\n';
    text += error.message();
    if (!text.ends_with('\n')) text += '\n';
    if (!error.hint().empty()) text += "hint: " + error.hint() + '\n';
  }
  text.pop_back();
  return {errors.front().kind(), std::move(text)};
}

}  // namespace kiln::frontend
