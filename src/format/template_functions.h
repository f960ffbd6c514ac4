// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "format/go_fmt.h"
#include "format/template.h"

namespace kiln::format {

enum class Parameter { any, text, integer, list };

/// What a function knows of its call besides the values.
struct CallContext {
  const RenderOptions& options;
  bool first_is_row = false;         ///< the first value is the template's whole data
  bool first_has_free_keys = false;  ///< the first value is a map in the sense of map_fields
};

/// One function of the template language. `and` and `or` are in the table for their names only: who
/// evaluates arguments must stop at the one that decides.
struct Function {
  static constexpr std::size_t kAnyNumber = static_cast<std::size_t>(-1);

  std::string_view name;
  std::size_t min_arguments;
  std::size_t max_arguments;
  /// The kinds of the first ones; the rest take anything.
  std::span<const Parameter> parameters;
  Result<Json> (*run)(const CallContext& context, std::span<const Json> values);
};

/// nullptr if there is none of that name.
const Function* find_function(std::string_view name);

/// Go's truth: not false, 0, nil or empty.
bool is_true(const Json& value);

}  // namespace kiln::format
