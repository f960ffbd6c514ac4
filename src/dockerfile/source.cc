// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/check.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

constexpr std::size_t kShownRunes = 200;
constexpr std::size_t kShownDiagnostics = 20;
constexpr unsigned kShownLines = 12;
constexpr unsigned kLinesBefore = 2;
constexpr unsigned kLinesAfter = 1;

/// Control characters, and what would not be seen or would turn the order of what is.
bool is_shown(const Rune& rune) {
  const char32_t value = rune.value;
  return rune.valid && value >= 0x20 && !(value >= 0x7F && value < 0xA0) && value != 0xFEFF &&
         !(value >= 0x200B && value <= 0x200F) && !(value >= 0x202A && value <= 0x202E) &&
         !(value >= 0x2060 && value <= 0x2069);
}

/// What a terminal may be sent of a foreign text.
std::string printable(std::string_view text) {
  std::string out;
  std::size_t runes = 0;
  for (std::size_t pos = 0; pos < text.size(); ++runes) {
    if (runes == kShownRunes) return out + "…";
    const Rune rune = decode_rune(text, pos);
    if (rune.value == '\t') {
      out += ' ';
    } else if (!is_shown(rune)) {
      out += '?';
    } else {
      out += text.substr(pos, rune.width);
    }
    pos += rune.width;
  }
  return out;
}

std::size_t rune_count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t pos = 0; pos < text.size(); ++count) pos += decode_rune(text, pos).width;
  return count;
}

std::string caret_line(std::string_view line, Range range) {
  if (range.begin.line != range.end.line || range.end.column <= range.begin.column) return {};
  const std::size_t begin = range.begin.column - 1;
  const std::size_t end = range.end.column - 1;
  if (end > line.size()) return {};
  const bool whole_line =
      trim_space(line).size() == trim_space(line.substr(begin, end - begin)).size();
  const std::size_t before = rune_count(line.substr(0, begin));
  const std::size_t width = rune_count(line.substr(begin, end - begin));
  if (whole_line || before + width > kShownRunes) return {};
  return fmt::format("     |     {}^{}\n", std::string(before, ' '), std::string(width - 1, '~'));
}

}  // namespace

Source::Source(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)) {
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  for (std::size_t start = 0; start < text_.size();) {
    line_starts_.push_back(start);
    const auto end = text_.find('\n', start);
    start = end == std::string::npos ? text_.size() : end + 1;
  }
}

unsigned Source::line_count() const { return static_cast<unsigned>(line_starts_.size()); }

std::string_view Source::raw_line(unsigned number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  const auto start = line_starts_[number - 1];
  const auto end = number < line_starts_.size() ? line_starts_[number] : text_.size();
  return std::string_view(text_).substr(start, end - start);
}

std::string_view Source::line(unsigned number) const {
  std::string_view line = raw_line(number);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string excerpt(const Source& source, Range range) { return excerpt(source, range, range); }

std::string excerpt(const Source& source, Range range, Range focus) {
  const unsigned first = range.begin.line;
  const unsigned last = std::max(first, range.end.line);
  const unsigned from = first > kLinesBefore ? first - kLinesBefore : 1;
  const unsigned to = std::min(last + kLinesAfter, source.line_count());
  std::string out;
  for (unsigned number = from; number <= to; ++number) {
    if (number - from == kShownLines) return out + "     | …\n";
    const bool marked = number >= first && number <= last;
    const std::string_view line = source.line(number);
    std::string row = fmt::format("{:4} | {} {}", number, marked ? ">>>" : "   ", printable(line));
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + '\n';
    if (marked && number == focus.begin.line) out += caret_line(line, focus);
  }
  return out;
}

Error to_error(const Source& source, std::vector<Diagnostic> diagnostics) {
  CHECK(!diagnostics.empty());
  std::sort(diagnostics.begin(), diagnostics.end(), [](const auto& a, const auto& b) {
    return std::tie(a.range.begin, a.message) < std::tie(b.range.begin, b.message);
  });
  std::string message;
  const auto shown = std::min(diagnostics.size(), kShownDiagnostics);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [range, text, hint, within] = diagnostics[i];
    const Range quoted = within.value_or(range);
    fmt::format_to(std::back_inserter(message), "{}{}:{}: {}\n{}", i == 0 ? "" : "\n",
                   source.name(), quoted.begin.line, printable(text),
                   excerpt(source, quoted, range));
    if (!hint.empty() && diagnostics.size() > 1) message += "hint: " + hint + '\n';
  }
  if (diagnostics.size() > shown) {
    fmt::format_to(std::back_inserter(message), "\n… and {} more errors\n",
                   diagnostics.size() - shown);
  }
  message.pop_back();
  Error error = invalid_input(std::move(message));
  if (diagnostics.size() == 1 && !diagnostics[0].hint.empty()) {
    return std::move(error).with_hint(diagnostics[0].hint);
  }
  return error;
}

}  // namespace kiln::dockerfile
