// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::llb {

/// One field of what Encoder wrote. Views into the text that was decoded.
struct Field {
  std::string_view name;
  std::string_view value;
};

/// The fields in order; nullopt for bytes that Encoder did not write.
std::optional<std::vector<Field>> decode_fields(std::string_view text);
/// The items of Encoder::list.
std::optional<std::vector<std::string>> decode_list(std::string_view text);

}  // namespace kiln::llb
