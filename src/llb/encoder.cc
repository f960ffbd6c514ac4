// SPDX-License-Identifier: Apache-2.0
#include "llb/encoder.h"

namespace kiln::llb {

Encoder& Encoder::field(std::string_view name, std::string_view value) {
  text_.append(name).append(" ").append(std::to_string(value.size())).append(":");
  text_.append(value).append("\n");
  return *this;
}

Encoder& Encoder::field(std::string_view name, std::int64_t value) {
  return field(name, std::to_string(value));
}

Encoder& Encoder::list(std::string_view name, const std::vector<std::string>& values) {
  Encoder items;
  for (const auto& value : values) items.field("-", value);
  return field(name, items.text_);
}

}  // namespace kiln::llb
