// SPDX-License-Identifier: Apache-2.0
#include "format/tabwriter.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

constexpr std::size_t kMinWidth = 10;
constexpr std::size_t kPadding = 3;

using Line = std::vector<std::string_view>;

bool has_column(const Line& line, std::size_t column) { return column + 1 < line.size(); }

}  // namespace

std::string align_columns(std::string_view text) {
  std::vector<Line> lines;
  std::size_t columns = 0;
  for (const std::string_view line : split(text, '\n')) {
    lines.push_back(split(line, '\t'));
    columns = std::max(columns, lines.back().size());
  }
  std::vector<std::vector<std::size_t>> widths(lines.size());
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t first = 0; first < lines.size();) {
      if (!has_column(lines[first], column)) {
        ++first;
        continue;
      }
      std::size_t width = kMinWidth;
      std::size_t last = first;
      for (; last < lines.size() && has_column(lines[last], column); ++last)
        width = std::max(width, count_runes(lines[last][column]) + kPadding);
      for (; first < last; ++first) widths[first].push_back(width);
    }
  }
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.push_back('\n');
    for (std::size_t column = 0; column < lines[i].size(); ++column) {
      const std::string_view cell = lines[i][column];
      out.append(cell);
      if (column < widths[i].size()) out.append(widths[i][column] - count_runes(cell), ' ');
    }
  }
  return out;
}

}  // namespace kiln::format
