// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kiln::cli {

/// The escape sequences that start a colour; empty ones colour nothing.
struct Colours {
  std::string run;  ///< finished and cached steps, as BuildKit calls it
  std::string warning;
  std::string error;
  std::string cancel;

  /// `text` in `colour`, which is one of the above.
  static std::string paint(std::string_view colour, std::string_view text);
};

/// `no_color` and `buildkit_colors` are the environment variables' values, empty if unset. The
/// latter is `run=green:error=255,0,0`: names as in BuildKit, or red, green and blue; what can't be
/// understood keeps its default.
Colours choose_colours(std::string_view no_color, std::string_view buildkit_colors);

/// What of a step's output may reach a terminal.
enum class Escapes {
  none,     ///< no escape sequence at all
  colours,  ///< only those that set colours and the like (SGR); reset at the end of the line
};
/// One line made harmless: no control characters, escape sequences as said, a tab as blanks to the
/// next multiple of 8, bytes that are no UTF-8 as U+FFFD. Nothing that a hostile process writes can
/// move the cursor, change the title or answer for the terminal.
std::string sanitize_line(std::string_view line, Escapes escapes);

/// Lines for a person, which may quote what a server, an archive or a Dockerfile says: control
/// characters and bytes that are no UTF-8 become `\x1b` or `\u0085`. Tabs and ends of lines stay.
std::string escape_controls(std::string_view text);

/// Cuts a stream of bytes into lines. A line that a carriage return starts over replaces what it
/// overwrites, as on a terminal.
class LineSplitter {
 public:
  /// Calls `take(line)` for each line that `bytes` completes, without its end.
  template <typename Take>
  void feed(std::string_view bytes, Take take) {
    for (const char c : bytes) {
      if (c == '\n' || partial_.size() >= kMaxLine) {
        take(std::string_view(partial_));
        partial_.clear();
        restarts_ = false;
        if (c == '\n') continue;
      }
      if (c == '\r') {
        restarts_ = true;
        continue;
      }
      if (restarts_) partial_.clear();
      restarts_ = false;
      partial_.push_back(c);
    }
  }
  /// Hands over a last line that has no end, if there is one.
  template <typename Take>
  void finish(Take take) {
    if (!partial_.empty()) take(std::string_view(partial_));
    partial_.clear();
  }

 private:
  // A longer line comes in pieces, so that a stream without line ends takes no memory.
  static constexpr std::size_t kMaxLine = 65536;

  std::string partial_;
  bool restarts_ = false;
};

}  // namespace kiln::cli
