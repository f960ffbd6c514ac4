// SPDX-License-Identifier: Apache-2.0
#include "net/http_date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "base/strings.h"

namespace kiln::net {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

std::optional<unsigned> month_of(std::string_view text) {
  const auto found = std::ranges::find(kMonths, to_lower(text));
  if (found == kMonths.end()) return std::nullopt;
  return static_cast<unsigned>(found - kMonths.begin()) + 1;
}

/// `08:49:37`
std::optional<std::int64_t> time_of_day(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 3) return std::nullopt;
  const auto hours = parse_uint(parts[0]);
  const auto minutes = parse_uint(parts[1]);
  const auto seconds = parse_uint(parts[2]);
  if (!hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60)
    return std::nullopt;
  return static_cast<std::int64_t>(*hours * 3600 + *minutes * 60 + *seconds);
}

std::optional<std::int64_t> seconds_of(std::string_view day, std::string_view month,
                                       std::string_view year, std::string_view time) {
  const auto d = parse_uint(day);
  const auto m = month_of(month);
  auto y = parse_uint(year);
  const auto of_day = time_of_day(time);
  if (!d || !m || !y || !of_day || *y > 9999 || *d > 31) return std::nullopt;
  if (year.size() == 2) *y += *y >= 69 ? 1900 : 2000;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*y)),
                                         std::chrono::month(*m),
                                         std::chrono::day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  return std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * 86400 + *of_day;
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  std::vector<std::string_view> words;
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (words.size() == 6 && words[5] == "GMT")
    return seconds_of(words[1], words[2], words[3], words[4]);
  // Sunday, 06-Nov-94 08:49:37 GMT
  if (words.size() == 4 && words[3] == "GMT") {
    const auto date = split(words[1], '-');
    if (date.size() != 3) return std::nullopt;
    return seconds_of(date[0], date[1], date[2], words[2]);
  }
  // Sun Nov  6 08:49:37 1994
  if (words.size() == 5) return seconds_of(words[2], words[1], words[4], words[3]);
  return std::nullopt;
}

}  // namespace kiln::net
