// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "dockerfile/unicode.h"

namespace kiln::dockerfile {
namespace {

/// BuildKit's reader takes no longer lines.
constexpr std::size_t kMaxLineSize = 65535;

bool is_comment(std::string_view line) { return trim_left_space(line).starts_with('#'); }

/// Without the escape character that continues a line; nullopt if the line is not continued. One
/// that follows another escape character does not count.
std::optional<std::string_view> without_continuation(std::string_view line, char escape) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  if (!line.ends_with(escape)) return std::nullopt;
  line.remove_suffix(1);
  if (line.ends_with(escape)) return std::nullopt;
  return line;
}

/// Takes `--name`, `--name=value` words from the front of `text`, which keeps the rest.
std::vector<Flag> take_flags(const LogicalLine& line, std::string_view& text, char escape) {
  std::vector<Flag> flags;
  for (;;) {
    while (!text.empty() && (is_blank(text.front()))) text.remove_prefix(1);
    if (!text.starts_with("--")) return flags;
    std::string word;
    char quote = 0;
    std::size_t pos = 0;
    for (; pos < text.size(); ++pos) {
      const char c = text[pos];
      if (quote == 0 && is_blank(c)) break;
      if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else if (c == escape) {
        if (pos + 1 < text.size()) word += text[++pos];
      } else {
        word += c;
      }
    }
    const std::string_view part = text.substr(0, pos);
    text.remove_prefix(pos);
    if (word == "--") return flags;
    Flag flag{word.substr(2), std::nullopt, line.range_of(part)};
    if (const auto equals = flag.name.find('='); equals != std::string::npos) {
      flag.value = flag.name.substr(equals + 1);
      flag.name.resize(equals);
    }
    flags.push_back(std::move(flag));
  }
}

}  // namespace

void LogicalLine::append_piece(std::string_view text, Position origin) {
  pieces_.push_back({text_.size(), origin});
  text_ += text;
}

void LogicalLine::append(std::string_view text, Position origin) {
  while (const auto invalid = find_invalid_utf8(text)) {
    append_piece(text.substr(0, *invalid), origin);
    origin.column += static_cast<unsigned>(*invalid);
    append_piece(kReplacementCharacter, origin);
    const Position behind{origin.line, origin.column + 1};
    if (!invalid_utf8_) invalid_utf8_ = Range{origin, behind};
    origin = behind;
    text.remove_prefix(*invalid + 1);
  }
  append_piece(text, origin);
}

Position LogicalLine::position(std::size_t offset) const {
  if (pieces_.empty()) return {};
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                [](std::size_t o, const Piece& piece) { return o < piece.offset; });
  if (after != pieces_.begin()) --after;
  Position out = after->origin;
  out.column += static_cast<unsigned>(offset - after->offset);
  // A replaced byte is longer here than in the source.
  const auto next = std::next(after);
  if (next != pieces_.end() && next->origin.line == out.line)
    out.column = std::min(out.column, std::max(next->origin.column, 2U) - 1);
  return out;
}

Range LogicalLine::range_of(std::string_view part) const {
  const auto begin = part.empty() && part.data() == nullptr
                         ? text_.size()
                         : static_cast<std::size_t>(part.data() - text_.data());
  CHECK(begin + part.size() <= text_.size());
  if (part.empty()) return {position(begin), position(begin)};
  Position end = position(begin + part.size() - 1);
  ++end.column;
  return {position(begin), end};
}

Range LogicalLine::range() const {
  Range range = range_of(text_);
  if (!pieces_.empty()) range.begin = pieces_.front().origin;
  return range;
}

std::string_view LineReader::take_line() {
  const std::string_view line = source_.line(next_);
  if (source_.raw_line(next_).size() > kMaxLineSize + 1) {
    errors_.push_back(
        {{{next_, 1}, {next_, 1}},
         fmt::format("dockerfile line greater than max allowed size of {}", kMaxLineSize),
         "split the line, or put the text into a file and COPY it"});
  }
  ++next_;
  return line;
}

bool LineReader::next(LogicalLine& out) {
  std::optional<std::string_view> continued;
  while (next_ <= source_.line_count()) {
    const unsigned number = next_;
    const std::string_view raw = take_line();
    const std::string_view line = trim_left_space(raw);
    if (line.starts_with('#')) {
      const std::string_view comment = trim_space(line.substr(1));
      if (comment.empty()) {
        out.comments.clear();
      } else {
        out.comments.push_back(to_valid_utf8(comment));
      }
      continue;
    }
    continued = without_continuation(line, escape_);
    const std::string_view text = continued.value_or(line);
    if (text.empty() && !continued) continue;
    out.append(text, {number, static_cast<unsigned>(raw.size() - line.size()) + 1});
    break;
  }
  if (out.empty()) return false;

  while (continued && next_ <= source_.line_count()) {
    const unsigned number = next_;
    const std::string_view line = take_line();
    if (is_comment(line)) continue;
    if (trim_left_space(line).empty()) {
      if (!out.empty_continuation) out.empty_continuation = number;
      continue;
    }
    continued = without_continuation(line, escape_);
    out.append(continued.value_or(line), {number, 1});
  }
  return true;
}

bool LineReader::read_heredoc(Heredoc& heredoc) {
  const unsigned start = next_;
  heredoc.content_line = start;
  while (next_ <= source_.line_count()) {
    const std::string_view raw = source_.raw_line(next_);
    std::string_view line = take_line();
    if (heredoc.chomp) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    if (line == heredoc.name) return true;
    heredoc.content += raw;
  }
  next_ = start;
  return false;
}

Statement split_statement(const LogicalLine& line, std::string_view part, char escape) {
  Statement statement;
  statement.all = trim_space(part);
  const auto [keyword, rest] = split_first_blank(statement.all);
  statement.keyword = keyword;
  std::string_view arguments = rest.value_or(statement.all.substr(statement.all.size()));
  statement.flags = take_flags(line, arguments, escape);
  statement.arguments = trim_space(arguments);
  return statement;
}

std::vector<std::string_view> split_blanks(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto begin = std::find_if_not(text.begin(), text.end(), is_blank);
    const auto end = std::find_if(begin, text.end(), is_blank);
    if (begin == end) return words;
    words.push_back(text.substr(static_cast<std::size_t>(begin - text.begin()),
                                static_cast<std::size_t>(end - begin)));
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
}

std::pair<std::string_view, std::optional<std::string_view>> split_first_blank(
    std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(), is_blank);
  if (end == text.end()) return {text, std::nullopt};
  const auto rest = std::find_if_not(end, text.end(), is_blank);
  return {text.substr(0, static_cast<std::size_t>(end - text.begin())),
          text.substr(static_cast<std::size_t>(rest - text.begin()))};
}

}  // namespace kiln::dockerfile
