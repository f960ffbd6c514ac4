// SPDX-License-Identifier: Apache-2.0
#include "frontend/variables.h"

namespace kiln::frontend {

void Variables::set(std::string_view name, std::string_view value) {
  std::erase_if(values_, [&](const auto& pair) { return pair.first == name; });
  values_.emplace_back(name, value);
}

std::optional<std::string> Variables::find(std::string_view name) const {
  for (const auto& [known, value] : values_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> Variables::as_env() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) out.push_back(name + "=" + value);
  return out;
}

}  // namespace kiln::frontend
