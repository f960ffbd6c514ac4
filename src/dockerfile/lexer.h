// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/instructions.h"
#include "dockerfile/source.h"

namespace kiln::dockerfile {

/// One instruction's text with its continuation lines joined, and where each byte of it came from.
/// A byte that is not UTF-8 is U+FFFD in it.
/// Parts of it are handed around as views of text(), so that range_of() can tell their place; it is
/// therefore neither copied nor moved.
class LogicalLine {
 public:
  LogicalLine() = default;
  LogicalLine(const LogicalLine&) = delete;
  LogicalLine& operator=(const LogicalLine&) = delete;

  /// Appends text that starts at `origin`.
  void append(std::string_view text, Position origin);

  const std::string& text() const { return text_; }
  bool empty() const { return pieces_.empty(); }
  /// `part` must be a view of text(). An empty part is at one position.
  Range range_of(std::string_view part) const;
  Word word(std::string_view part) const { return {std::string(part), range_of(part)}; }
  /// From its first line on, also where that has nothing but the escape character.
  Range range() const;

  /// The first byte that is not UTF-8.
  const std::optional<Range>& invalid_utf8() const { return invalid_utf8_; }

  /// Comment lines right above it.
  std::vector<std::string> comments;
  /// The first empty line between its continuation lines, if there is one.
  std::optional<unsigned> empty_continuation;

 private:
  struct Piece {
    std::size_t offset;
    Position origin;
  };
  Position position(std::size_t offset) const;
  void append_piece(std::string_view text, Position origin);

  std::string text_;
  std::vector<Piece> pieces_;
  std::optional<Range> invalid_utf8_;
};

/// Walks over a source's lines and joins them.
class LineReader {
 public:
  /// `errors` gets lines that are too long. Both must outlive this.
  LineReader(const Source& source, char escape, std::vector<Diagnostic>& errors)
      : source_(source), escape_(escape), errors_(errors) {}

  /// Skips comments and blank lines and reads an instruction's lines into `out`, which must be
  /// fresh. False at the end of the source.
  bool next(LogicalLine& out);
  /// Reads a heredoc's content; false, without moving, if its last line is missing.
  bool read_heredoc(Heredoc& heredoc);
  /// The number of the next line to be read.
  unsigned line_number() const { return next_; }
  void go_to(unsigned line_number) { next_ = line_number; }

 private:
  std::string_view take_line();

  const Source& source_;
  char escape_;
  std::vector<Diagnostic>& errors_;
  unsigned next_ = 1;
};

/// An instruction split into its parts; all views are of the line's text.
struct Statement {
  std::string_view keyword;
  std::vector<Flag> flags;
  /// What follows keyword and flags, without white space at the ends.
  std::string_view arguments;
  /// Keyword, flags and arguments.
  std::string_view all;
};

/// `part` is the view of the line's text to split: all of it, or what ONBUILD triggers.
Statement split_statement(const LogicalLine& line, std::string_view part, char escape);

/// Splits at blanks.
std::vector<std::string_view> split_blanks(std::string_view text);
/// Splits at the first blanks; without any, the second half is nullopt.
std::pair<std::string_view, std::optional<std::string_view>> split_first_blank(
    std::string_view text);

}  // namespace kiln::dockerfile
