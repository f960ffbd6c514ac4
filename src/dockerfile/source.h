// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kiln::dockerfile {

/// A place in a source text. Both count from 1; columns count bytes.
struct Position {
  unsigned line = 1;
  unsigned column = 1;
  auto operator<=>(const Position&) const = default;
};

/// From `begin` up to, but without, `end`.
struct Range {
  Position begin;
  Position end;
  bool operator==(const Range&) const = default;
};

/// A piece of an instruction as it was written, before variables are expanded.
struct Word {
  std::string text;
  Range range;
};

/// A named text with access by line. A byte order mark at its start is dropped.
class Source {
 public:
  Source() : Source({}, {}) {}
  Source(std::string name, std::string text);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  /// Lines that have a line end or any byte; a final line end starts no further line.
  unsigned line_count() const;
  /// Line `number`, counted from 1, without its line end; empty past the last one.
  std::string_view line(unsigned number) const;
  /// The same with its line end, where it has one.
  std::string_view raw_line(unsigned number) const;

 private:
  std::string name_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

/// Something wrong, or worth a remark, at one place of a source.
struct Diagnostic {
  Range range;
  std::string message;
  /// What to do about it; empty if the message says it all.
  std::string hint;
  /// The instruction that it is about: errors name its first line and quote all of it.
  std::optional<Range> within = std::nullopt;
};

/// The lines of `range` with their neighbours and numbers, `>>>` before each, and a caret line when
/// the range is a part of one line:
///
///        2 |     ARG a
///        3 | >>> FORM b
///          |     ^~~~
///
/// Control characters and invisible ones are shown as `?`, lines longer than a screen are cut. Ends
/// in a line end. With `focus`, a part of the range, the caret line stands below that part.
std::string excerpt(const Source& source, Range range);
std::string excerpt(const Source& source, Range range, Range focus);

/// All of them as one error of kind invalid_input, in the order of the source:
/// `Dockerfile:3: unknown instruction: FORM (did you mean FROM?)` and the excerpt below it.
/// `diagnostics` must not be empty.
Error to_error(const Source& source, std::vector<Diagnostic> diagnostics);

}  // namespace kiln::dockerfile
