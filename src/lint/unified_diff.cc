// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "lint/fix.h"

namespace kiln::lint {
namespace {

using Lines = std::vector<std::string_view>;
constexpr std::size_t kContext = 3;
/// Beyond this many cells of the table, what differs is shown as one block.
constexpr std::size_t kMaxCells = std::size_t{1} << 24;

struct Row {
  char mark;  ///< ' ', '-' or '+'
  std::string_view line;
};

/// With their line ends.
Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto size = end == std::string_view::npos ? text.size() : end + 1;
    out.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

void add_all(std::vector<Row>& rows, char mark, Lines::const_iterator begin,
             Lines::const_iterator end) {
  for (auto line = begin; line != end; ++line) rows.push_back({mark, *line});
}

/// Of the longest common subsequence.
std::vector<Row> compare_middle(const Lines& a, const Lines& b) {
  std::vector<Row> rows;
  if ((a.size() + 1) * (b.size() + 1) > kMaxCells) {
    add_all(rows, '-', a.begin(), a.end());
    add_all(rows, '+', b.begin(), b.end());
    return rows;
  }
  const std::size_t width = b.size() + 1;
  std::vector<unsigned> common((a.size() + 1) * width);
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i * width + j] =
          a[i] == b[j] ? common[(i + 1) * width + j + 1] + 1
                       : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      rows.push_back({' ', a[i++]});
      ++j;
    } else if (i < a.size() &&
               (j == b.size() || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      rows.push_back({'-', a[i++]});
    } else {
      rows.push_back({'+', b[j++]});
    }
  }
  return rows;
}

std::vector<Row> compare(const Lines& a, const Lines& b) {
  const auto [a_from, b_from] = std::ranges::mismatch(a, b);
  auto a_to = a.end();
  auto b_to = b.end();
  while (a_to != a_from && b_to != b_from && *(a_to - 1) == *(b_to - 1)) {
    --a_to;
    --b_to;
  }
  std::vector<Row> rows;
  add_all(rows, ' ', a.begin(), a_from);
  const auto middle = compare_middle(Lines(a_from, a_to), Lines(b_from, b_to));
  rows.insert(rows.end(), middle.begin(), middle.end());
  add_all(rows, ' ', a_to, a.end());
  return rows;
}

/// `start,count` of a hunk's header; an empty range is named by the line before it.
std::string range_text(std::size_t before, std::size_t count) {
  const std::size_t start = count == 0 ? before : before + 1;
  return count == 1 ? std::to_string(start) : fmt::format("{},{}", start, count);
}

}  // namespace

std::string unified_diff(std::string_view path, std::string_view before, std::string_view after) {
  if (before == after) return {};
  const auto rows = compare(lines_of(before), lines_of(after));
  std::string out = fmt::format("--- {}\n+++ {}\n", path, path);
  std::size_t old_line = 0;
  std::size_t new_line = 0;
  for (std::size_t at = 0; at < rows.size();) {
    // A hunk: from three lines before a change to three after the last that is near enough.
    std::size_t change = at;
    while (change < rows.size() && rows[change].mark == ' ') ++change;
    if (change == rows.size()) break;
    const std::size_t from = change - at > kContext ? change - kContext : at;
    old_line += from - at;
    new_line += from - at;
    std::size_t to = change;
    for (std::size_t i = change; i < rows.size() && i <= to + 2 * kContext; ++i) {
      if (rows[i].mark != ' ') to = i;
    }
    to = std::min(to + kContext + 1, rows.size());
    std::string body;
    std::size_t removed = 0;
    std::size_t added = 0;
    for (std::size_t i = from; i < to; ++i) {
      if (rows[i].mark != '+') ++removed;
      if (rows[i].mark != '-') ++added;
      fmt::format_to(std::back_inserter(body), "{}{}", rows[i].mark, rows[i].line);
      if (!rows[i].line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    fmt::format_to(std::back_inserter(out), "@@ -{} +{} @@\n{}", range_text(old_line, removed),
                   range_text(new_line, added), body);
    old_line += removed;
    new_line += added;
    at = to;
  }
  return out;
}

}  // namespace kiln::lint
