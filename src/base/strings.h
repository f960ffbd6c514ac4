// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// Splits at every `separator`; an empty text gives one empty piece, as does each doubled
/// separator.
std::vector<std::string_view> split(std::string_view text, char separator);
/// Splits at the first `separator`; without one, the second half is nullopt.
std::pair<std::string_view, std::optional<std::string_view>> split_once(std::string_view text,
                                                                        char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
/// A whole decimal number, or nullopt: no sign, no blanks, no overflow.
std::optional<std::uint64_t> parse_uint(std::string_view text, int base = 10);
/// The words of Go's strconv.ParseBool, which docker's flags and Dockerfiles take: 1, t, T, true,
/// TRUE, True and their opposites; nullopt for any other.
std::optional<bool> parse_bool(std::string_view text);
/// The same words with any of their letters in upper case.
std::optional<bool> parse_bool_in_any_case(std::string_view text);
/// A seconds count as RFC 3339 in UTC, `2024-01-02T03:04:05Z`; with nanoseconds, as Go prints them:
/// trailing zeros of the fraction dropped.
std::string format_rfc3339(std::int64_t seconds, std::uint32_t nanoseconds = 0);
/// Seconds and nanoseconds of an RFC 3339 time with any offset; nullopt if it is none.
struct TimePoint {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  auto operator<=>(const TimePoint&) const = default;
};
std::optional<TimePoint> parse_rfc3339(std::string_view text);
/// Insertions, deletions, changes and swaps of neighbours that make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate that a misspelt `word` most likely means, or nullopt if none is near
/// (a distance of at most two, or a third of its length; case ignored).
std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& candidates);

}  // namespace kiln
