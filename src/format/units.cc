// SPDX-License-Identifier: Apache-2.0
#include "format/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "base/strings.h"
#include "format/go_strconv.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

constexpr std::array<std::string_view, 9> kDecimalUnits = {"B",  "kB", "MB", "GB", "TB",
                                                           "PB", "EB", "ZB", "YB"};
constexpr std::array<std::string_view, 9> kBinaryUnits = {"B",   "KiB", "MiB", "GiB", "TiB",
                                                          "PiB", "EiB", "ZiB", "YiB"};

std::string scaled(double size, double base, std::span<const std::string_view> units,
                   int precision) {
  std::size_t unit = 0;
  for (; size >= base && unit + 1 < units.size(); ++unit) size /= base;
  return format_float(size, 'g', precision).append(units[unit]);
}

std::optional<double> parse_decimal(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::int64_t> parse_size(std::string_view text, double base) {
  const auto bad_size = [&] { return invalid_input("invalid size: '" + std::string(text) + "'"); };
  const auto last = text.find_last_of("0123456789. ");
  if (last == std::string_view::npos) return bad_size();
  const std::string suffix = to_lower(text.substr(last + 1));
  const auto number = parse_decimal(text.substr(0, text[last] == ' ' ? last : last + 1));
  if (!number || !(*number >= 0)) return bad_size();
  double size = *number;
  if (!suffix.empty() && suffix != "b") {
    const auto power = std::string_view("kmgtp").find(suffix[0]);
    const std::string_view rest = std::string_view(suffix).substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib"))
      return invalid_input("invalid suffix: '" + suffix + "' in size '" + std::string(text) +
                           "' (known: b, k, m, g, t, p)");
    size *= std::pow(base, static_cast<double>(power + 1));
  }
  if (size >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) return bad_size();
  return static_cast<std::int64_t>(size);
}

struct DurationUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array kDurationUnits = {
    DurationUnit{"ns", 1},
    DurationUnit{"us", 1'000},
    DurationUnit{"µs", 1'000},
    DurationUnit{"μs", 1'000},
    DurationUnit{"ms", 1'000'000},
    DurationUnit{"s", 1'000'000'000},
    DurationUnit{"m", 60'000'000'000},
    DurationUnit{"h", 3'600'000'000'000},
};

}  // namespace

std::string human_size(double bytes, int precision) {
  return scaled(bytes, 1000, kDecimalUnits, precision);
}

std::string binary_size(double bytes) { return scaled(bytes, 1024, kBinaryUnits, 4); }

std::string human_duration(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  const auto minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  const auto hours = (seconds + 1800) / 3600;
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", seconds / 3600 / 24 / 365);
}

Result<std::int64_t> parse_binary_size(std::string_view text) { return parse_size(text, 1024); }
Result<std::int64_t> parse_decimal_size(std::string_view text) { return parse_size(text, 1000); }

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto bad = [&](std::string_view what) {
    return invalid_input(fmt::format("{} duration {}", what, quote(text)))
        .with_hint("a duration is a number with a unit, such as 300ms, 1.5h or 1m30s");
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return bad("invalid");
  long double total = 0;
  while (!rest.empty()) {
    const auto digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    const auto number = parse_decimal(rest.substr(0, digits));
    if (digits == 0 || !number) return bad("invalid");
    rest.remove_prefix(digits);
    const auto unit_size = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view name = rest.substr(0, unit_size);
    if (name.empty()) return bad("missing unit in");
    const auto* const unit =
        std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                     [&](const DurationUnit& candidate) { return candidate.name == name; });
    if (unit == kDurationUnits.end()) return bad(fmt::format("unknown unit {} in", quote(name)));
    total += static_cast<long double>(*number) * static_cast<long double>(unit->nanoseconds);
    rest.remove_prefix(unit_size);
  }
  if (total >= 0x1p63L) return bad("invalid");
  const auto count = static_cast<std::int64_t>(std::llroundl(total));
  return std::chrono::nanoseconds(negative ? -count : count);
}

std::string truncate_id(std::string_view id) {
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  return std::string(id.substr(0, 12));
}

std::string ellipsis(std::string_view text, int columns) {
  if (columns <= 0) return {};
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 1) return std::string(take_columns(text, 1));
  return std::string(take_columns(text, columns - 1)).append("…");
}

}  // namespace kiln::format
