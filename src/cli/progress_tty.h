// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/progress_plain.h"
#include "cli/terminal.h"
#include "os/fd.h"
#include "solver/progress.h"

namespace kiln::cli {

/// The terminal's size in cells.
struct ViewSize {
  int columns = 80;
  int rows = 24;
};

/// Some terminals (serial lines, a few CI runners) do not know theirs: then it is the default.
ViewSize view_size(const os::Fd& terminal);

/// What a step wrote, sanitized, up to a limit of bytes: beyond it the oldest lines go and are
/// counted.
class KeptOutput {
 public:
  void add(std::string line);
  void clear();
  const std::deque<std::string>& lines() const { return lines_; }
  std::size_t dropped() const { return dropped_; }

 private:
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;

  std::deque<std::string> lines_;
  std::size_t bytes_ = 0;
  std::size_t dropped_ = 0;
};

/// A live view of a build on a terminal:
///
///     [+] Building 1.2s (5/7)
///      => CACHED [2/3] RUN make                                    0.0s
///      => [3/3] RUN make test                                      1.1s
///      => => # the last lines that it wrote
///
/// Redrawn in place by its own thread, at most ten times a second. While the build runs, lines are
/// cut to the terminal's width and ended steps make room where it is too low; the last picture has
/// every step in full, then the whole kept output of failed steps and the warnings. Text from
/// outside reaches the terminal sanitized. The cursor is hidden while the view lives.
class TtyProgress : public solver::Progress {
 public:
  struct Options {
    TextSink sink;
    std::function<ViewSize()> size;
    Colours colours = {};
    SteadyClock clock = std::chrono::steady_clock::now;
    /// Without the thread the view is drawn by `draw` and at the end.
    Waker waker = Waker::thread;
  };
  explicit TtyProgress(Options options);
  TtyProgress(const TtyProgress&) = delete;
  TtyProgress& operator=(const TtyProgress&) = delete;
  /// Draws the last picture if that has not happened, and gives the cursor back.
  ~TtyProgress() override;

  void report(const solver::ProgressEvent& event) override;
  /// Draws the present state.
  void draw();

 private:
  enum class StepState { running, done, cached, failed, cancelled };
  struct Step {
    std::string name;
    StepState state = StepState::running;
    SteadyTime started;
    SteadyTime ended;
    std::string error;
    std::vector<std::string> notes;
    LineSplitter out;
    LineSplitter err;
    KeptOutput output;
  };
  /// A line of the view: without escape sequences, and the colour to paint it in.
  struct Line {
    std::string text;
    std::string_view colour;
  };
  enum class Frame { live, last };

  void handle(const solver::StepStarted& event);
  void handle(const solver::StepOutput& event);
  void handle(const solver::StepNote& event);
  void handle(const solver::StepMissed& event);
  void handle(const solver::StepEnded& event);
  void handle(const solver::BuildWarning& event);
  void handle(const solver::BuildEnded& event);

  Step& step(solver::StepId id);
  void add_output(Step& step, std::string_view line);
  std::vector<Line> compose(Frame frame, ViewSize size) const;
  Line header(Frame frame) const;
  Line title(const Step& step, Frame frame, int columns) const;
  std::vector<Line> below(const Step& step, std::size_t most, int columns) const;
  std::string_view colour_of(StepState state) const;
  void append_failures(std::string& out) const;
  void append_warnings(std::string& out) const;
  void draw_locked(Frame frame);
  void finish_locked();

  Options options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  SteadyTime started_;
  std::map<solver::StepId, Step> steps_;
  /// In order of appearance.
  std::vector<const Step*> order_;
  std::vector<std::string> warnings_;
  bool succeeded_ = false;
  bool finished_ = false;
  bool cursor_hidden_ = false;
  /// Widths of the lines on the screen, the cursor being below them.
  std::vector<int> drawn_;
  std::jthread waker_;
};

}  // namespace kiln::cli
