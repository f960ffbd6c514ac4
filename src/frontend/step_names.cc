// SPDX-License-Identifier: Apache-2.0
#include "frontend/step_names.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace kiln::frontend {

std::string step_name(const std::string& label, std::size_t index, std::size_t total,
                      const std::string& text) {
  const std::string prefix = label.empty() ? label : label + " ";
  // As wide as the total, so that the lines of a stage stand in a column.
  return fmt::format("[{}{:>{}}/{}] {}", prefix, index, std::to_string(total).size(), total, text);
}

std::size_t count_steps(const dockerfile::Stage& stage, const StageState& base) {
  std::size_t count = base.begins_with_image ? 1 : 0;
  const auto add = [&](std::string_view keyword) {
    if (keyword == "RUN" || keyword == "COPY" || keyword == "ADD" || keyword == "WORKDIR") ++count;
  };
  for (const auto& text : base.config.config.on_build)
    add(to_upper(std::string_view(text).substr(0, text.find_first_of(" \t"))));
  for (const auto& instruction : stage.instructions) add(instruction.keyword);
  return count;
}

}  // namespace kiln::frontend
