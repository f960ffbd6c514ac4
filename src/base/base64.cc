// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <cstddef>

namespace kiln {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kGroup = 3;
  std::string out;
  for (std::size_t pos = 0; pos < bytes.size(); pos += kGroup) {
    const std::string_view group = bytes.substr(pos, kGroup);
    unsigned bits = 0;
    for (std::size_t i = 0; i < kGroup; ++i)
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i <= kGroup; ++i) {
      const auto digit = bits >> (18U - 6U * static_cast<unsigned>(i)) & 63U;
      out += i <= group.size() ? kDigits[digit] : '=';
    }
  }
  return out;
}

}  // namespace kiln
