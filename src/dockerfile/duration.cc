// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/duration.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

constexpr std::uint64_t kLimit = std::numeric_limits<std::int64_t>::max();

std::uint64_t unit_size(std::string_view unit) {
  if (unit == "ns") return 1;
  if (unit == "us" || unit == "µs" || unit == "μs") return 1'000;
  if (unit == "ms") return 1'000'000;
  if (unit == "s") return 1'000'000'000;
  if (unit == "m") return 60'000'000'000;
  if (unit == "h") return 3'600'000'000'000;
  return 0;
}

bool at_digit(std::string_view text) {
  return !text.empty() && is_digit(static_cast<unsigned char>(text.front()));
}

}  // namespace

Result<std::int64_t> parse_duration(std::string_view text) {
  const auto invalid = [&] { return invalid_input(fmt::format("invalid duration \"{}\"", text)); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return std::int64_t{0};
  if (rest.empty()) return invalid();

  std::uint64_t total = 0;
  while (!rest.empty()) {
    std::uint64_t whole = 0;
    bool has_digits = false;
    for (; at_digit(rest); rest.remove_prefix(1)) {
      has_digits = true;
      const auto digit = static_cast<std::uint64_t>(rest.front() - '0');
      if (whole > (kLimit - digit) / 10) return invalid();
      whole = whole * 10 + digit;
    }
    double fraction = 0;
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      for (double scale = 0.1; at_digit(rest); rest.remove_prefix(1), scale /= 10) {
        has_digits = true;
        fraction += scale * (rest.front() - '0');
      }
    }
    if (!has_digits) return invalid();
    std::size_t length = 0;
    while (length < rest.size() && rest[length] != '.' && !at_digit(rest.substr(length))) ++length;
    if (length == 0) return invalid_input(fmt::format("missing unit in duration \"{}\"", text));
    const std::uint64_t unit = unit_size(rest.substr(0, length));
    if (unit == 0) {
      return invalid_input(
          fmt::format("unknown unit \"{}\" in duration \"{}\"", rest.substr(0, length), text));
    }
    rest.remove_prefix(length);
    if (whole > kLimit / unit) return invalid();
    const auto part = whole * unit + static_cast<std::uint64_t>(
                                         std::llround(fraction * static_cast<double>(unit)));
    if (part > kLimit - total) return invalid();
    total += part;
  }
  const auto value = static_cast<std::int64_t>(total);
  return negative ? -value : value;
}

}  // namespace kiln::dockerfile
