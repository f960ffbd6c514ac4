// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::frontend {

/// Variables in the order in which they got their values, as BuildKit gives them to a process.
class Variables {
 public:
  void set(std::string_view name, std::string_view value);
  std::optional<std::string> find(std::string_view name) const;
  std::vector<std::string> as_env() const;  ///< "NAME=value"

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace kiln::frontend
