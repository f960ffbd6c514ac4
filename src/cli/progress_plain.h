// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/terminal.h"
#include "solver/progress.h"

namespace kiln::cli {

using TextSink = std::function<void(std::string_view)>;
using SteadyTime = std::chrono::steady_clock::time_point;
using SteadyClock = std::function<SteadyTime()>;

enum class PlainOutput {
  file,      ///< bytes go through as they are
  terminal,  ///< steps may set colours and nothing else
};
enum class Waker { thread, none };

/// Progress as lines, in BuildKit's plain form:
///
///     #5 [2/3] RUN echo hi
///     #5 0.123 hi
///     #5 DONE 0.2s
///
/// Steps are numbered from 1 as they appear. Lines of steps that run side by side are kept
/// together: others wait until the step that is shown ends, has been silent for half a second or
/// has had three seconds; coming back to a step repeats its header. Nothing is clipped or dropped.
class PlainProgress : public solver::Progress {
 public:
  struct Options {
    TextSink sink;
    PlainOutput output = PlainOutput::file;
    SteadyClock clock = std::chrono::steady_clock::now;
    /// Without the thread, waiting lines appear with the next event or `flush_due`.
    Waker waker = Waker::thread;
  };
  explicit PlainProgress(Options options);
  PlainProgress(const PlainProgress&) = delete;
  PlainProgress& operator=(const PlainProgress&) = delete;
  /// Prints whatever still waits.
  ~PlainProgress() override;

  void report(const solver::ProgressEvent& event) override;
  /// Gives the turn to a waiting step if the one that is shown has had its time.
  void flush_due();

 private:
  struct Step {
    std::size_t number = 0;
    std::string name;
    SteadyTime started;
    LineSplitter out;
    LineSplitter err;
    std::vector<std::string> waiting;
    bool ended = false;
  };

  void handle(const solver::StepStarted& event);
  void handle(const solver::StepOutput& event);
  void handle(const solver::StepNote& event);
  void handle(const solver::StepMissed& event);
  void handle(const solver::StepEnded& event);
  void handle(const solver::BuildWarning& event);
  void handle(const solver::BuildEnded& event);

  Step& step(solver::StepId id);
  void add(Step& step, std::string line);
  void add_output(Step& step, std::string_view line);
  void show(Step& step);
  void show_next();
  void pass_turn_if_due();
  void finish();
  void write_pending();
  std::optional<SteadyTime> turn_ends() const;

  Options options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<solver::StepId, Step> steps_;
  /// Steps with waiting lines, longest first.
  std::vector<Step*> queue_;
  Step* shown_ = nullptr;
  SteadyTime shown_since_;
  SteadyTime last_line_;
  bool first_block_ = true;
  bool finished_ = false;
  std::string text_;
  std::vector<std::string> warnings_;
  std::jthread waker_;
};

/// `0.123`, `12.34`, `123.4`: seconds as BuildKit stamps a line of output.
std::string format_stamp(std::chrono::nanoseconds since_start);

}  // namespace kiln::cli
