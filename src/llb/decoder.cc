// SPDX-License-Identifier: Apache-2.0
#include "llb/decoder.h"

#include "base/strings.h"

namespace kiln::llb {

std::optional<std::vector<Field>> decode_fields(std::string_view text) {
  std::vector<Field> out;
  while (!text.empty()) {
    const auto [name, rest] = split_once(text, ' ');
    if (!rest) return std::nullopt;
    const auto [size_text, bytes] = split_once(*rest, ':');
    const auto size = parse_uint(size_text);
    if (!bytes || !size || *size >= bytes->size() || (*bytes)[*size] != '\n') return std::nullopt;
    out.push_back({name, bytes->substr(0, *size)});
    text = bytes->substr(*size + 1);
  }
  return out;
}

std::optional<std::vector<std::string>> decode_list(std::string_view text) {
  const auto fields = decode_fields(text);
  if (!fields) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& field : *fields) {
    if (field.name != "-") return std::nullopt;
    out.emplace_back(field.value);
  }
  return out;
}

}  // namespace kiln::llb
