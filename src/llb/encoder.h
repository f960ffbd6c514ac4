// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::llb {

/// Encodes named fields so that different values never encode alike, whatever bytes they hold:
/// `NAME LENGTH:BYTES\n`. What is encoded decides cache keys: a change of a field's encoding
/// changes the keys of every step that has it.
class Encoder {
 public:
  Encoder& field(std::string_view name, std::string_view value);
  Encoder& field(std::string_view name, std::int64_t value);
  Encoder& list(std::string_view name, const std::vector<std::string>& values);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace kiln::llb
