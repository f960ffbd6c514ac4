// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_tty.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "format/units.h"
#include "format/utf8.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr std::size_t kOutputLines = 6;
constexpr std::size_t kNotes = 3;
constexpr std::string_view kHideCursor = "\033[?25l";
constexpr std::string_view kShowCursor = "\033[?25h";
constexpr std::string_view kEraseLine = "\033[K";
constexpr std::string_view kEraseBelow = "\033[J";

std::string seconds_text(std::chrono::nanoseconds duration) {
  return fmt::format("{:.1f}s", std::chrono::duration<double>(duration).count());
}

/// `left` and, at the right edge, `right`; `left` loses its end if both do not fit.
std::string between_edges(std::string_view left, std::string_view right, int columns) {
  const int room = columns - format::display_width(right) - 1;
  std::string out = format::ellipsis(left, std::max(room, 1));
  const int gap = columns - format::display_width(out) - format::display_width(right);
  out.append(static_cast<std::size_t>(std::max(gap, 1)), ' ');
  return out.append(right);
}

}  // namespace

ViewSize view_size(const os::Fd& terminal) {
  const auto size = os::terminal_size(terminal);
  if (!size || size->columns == 0 || size->rows == 0) return {};
  return {.columns = static_cast<int>(size->columns), .rows = static_cast<int>(size->rows)};
}

void KeptOutput::add(std::string line) {
  bytes_ += line.size() + sizeof(std::string);
  lines_.push_back(std::move(line));
  while (bytes_ > kMaxBytes && lines_.size() > 1) {
    bytes_ -= lines_.front().size() + sizeof(std::string);
    lines_.pop_front();
    ++dropped_;
  }
}

void KeptOutput::clear() {
  lines_.clear();
  bytes_ = 0;
}

TtyProgress::TtyProgress(Options options)
    : options_(std::move(options)), started_(options_.clock()) {
  if (options_.waker == Waker::none) return;
  waker_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_for(lock, stop, kRedraw, [] { return false; });
      if (!order_.empty()) draw_locked(Frame::live);
    }
  });
}

TtyProgress::~TtyProgress() {
  if (waker_.joinable()) {
    waker_.request_stop();
    waker_.join();
  }
  const std::scoped_lock lock(mutex_);
  finish_locked();
}

void TtyProgress::report(const solver::ProgressEvent& event) {
  const std::scoped_lock lock(mutex_);
  std::visit([this](const auto& each) { handle(each); }, event);
}

void TtyProgress::draw() {
  const std::scoped_lock lock(mutex_);
  draw_locked(Frame::live);
}

void TtyProgress::handle(const solver::StepStarted& event) {
  Step& started = step(event.step);
  started.name = sanitize_line(event.name, Escapes::none);
  started.started = options_.clock();
}

void TtyProgress::handle(const solver::StepOutput& event) {
  Step& writer = step(event.step);
  LineSplitter& splitter = event.stream == solver::OutputStream::out ? writer.out : writer.err;
  splitter.feed(event.bytes, [&](std::string_view line) { add_output(writer, line); });
}

void TtyProgress::handle(const solver::StepNote& event) {
  step(event.step).notes.push_back(sanitize_line(event.text, Escapes::none));
}

/// A live display has no room for it; --explain prints it at the end.
void TtyProgress::handle(const solver::StepMissed& /*event*/) {}

void TtyProgress::handle(const solver::StepEnded& event) {
  Step& ended = step(event.step);
  ended.out.finish([&](std::string_view line) { add_output(ended, line); });
  ended.err.finish([&](std::string_view line) { add_output(ended, line); });
  ended.ended = options_.clock();
  ended.error = sanitize_line(event.error, Escapes::none);
  switch (event.outcome) {
    case solver::StepOutcome::done:
      ended.state = StepState::done;
      break;
    case solver::StepOutcome::cached:
      ended.state = StepState::cached;
      break;
    case solver::StepOutcome::failed:
      ended.state = StepState::failed;
      break;
    case solver::StepOutcome::cancelled:
      ended.state = StepState::cancelled;
      break;
  }
  if (ended.state != StepState::failed) ended.output.clear();
}

void TtyProgress::handle(const solver::BuildWarning& event) {
  warnings_.push_back(sanitize_line(event.text, Escapes::none));
}

void TtyProgress::handle(const solver::BuildEnded& event) {
  succeeded_ = event.succeeded;
  finish_locked();
}

TtyProgress::Step& TtyProgress::step(solver::StepId id) {
  const auto [found, fresh] = steps_.try_emplace(id);
  if (fresh) {
    found->second.started = options_.clock();
    order_.push_back(&found->second);
  }
  return found->second;
}

void TtyProgress::add_output(Step& step, std::string_view line) {
  step.output.add(format_stamp(options_.clock() - step.started) + " " +
                  sanitize_line(line, Escapes::none));
}

std::string_view TtyProgress::colour_of(StepState state) const {
  switch (state) {
    case StepState::running:
      return {};
    case StepState::done:
    case StepState::cached:
      return options_.colours.run;
    case StepState::failed:
      return options_.colours.error;
    case StepState::cancelled:
      return options_.colours.cancel;
  }
  return {};
}

TtyProgress::Line TtyProgress::header(Frame frame) const {
  const auto ended = std::ranges::count_if(
      order_, [](const Step* each) { return each->state != StepState::running; });
  Line line;
  line.text = fmt::format("[+] Building {} ({}/{})", seconds_text(options_.clock() - started_),
                          ended, order_.size());
  if (frame == Frame::last && succeeded_) {
    line.text.append(" FINISHED");
    line.colour = options_.colours.run;
  }
  return line;
}

TtyProgress::Line TtyProgress::title(const Step& step, Frame frame, int columns) const {
  const std::string_view mark = step.state == StepState::cached      ? "CACHED "
                                : step.state == StepState::failed    ? "ERROR "
                                : step.state == StepState::cancelled ? "CANCELED "
                                                                     : "";
  const auto end = step.state == StepState::running ? options_.clock() : step.ended;
  const std::string left = fmt::format(" => {}{}", mark, step.name);
  const std::string right = seconds_text(end - step.started);
  Line line;
  line.colour = colour_of(step.state);
  // The last picture wraps rather than loses the end of a name.
  const bool fits = format::display_width(left) + format::display_width(right) < columns;
  line.text =
      fits || frame == Frame::live ? between_edges(left, right, columns) : left + " " + right;
  return line;
}

/// What stands below a running step: its latest notes and lines, `most` in all.
std::vector<TtyProgress::Line> TtyProgress::below(const Step& step, std::size_t most,
                                                  int columns) const {
  std::vector<Line> lines;
  const auto add = [&](std::string_view prefix, std::string_view text) {
    lines.push_back({format::ellipsis(std::string(prefix).append(text), columns), {}});
  };
  const auto& output = step.output.lines();
  const auto from_output = std::min({most, kOutputLines, output.size()});
  const auto from_notes = std::min({most - from_output, kNotes, step.notes.size()});
  for (auto i = step.notes.size() - from_notes; i < step.notes.size(); ++i)
    add(" => => ", step.notes[i]);
  for (auto i = output.size() - from_output; i < output.size(); ++i) add(" => => # ", output[i]);
  return lines;
}

std::vector<TtyProgress::Line> TtyProgress::compose(Frame frame, ViewSize size) const {
  // The last column stays free: terminals differ in what a line feed after it does.
  const int columns = std::max(size.columns - 1, 8);
  std::vector<Line> lines = {header(frame)};
  if (frame == Frame::last) {
    for (const Step* each : order_) lines.push_back(title(*each, frame, columns));
    return lines;
  }
  lines[0].text = format::ellipsis(lines[0].text, columns);
  const auto room = static_cast<std::size_t>(std::max(size.rows - 2, 1));
  const auto running = static_cast<std::size_t>(std::ranges::count_if(
      order_, [](const Step* each) { return each->state == StepState::running; }));
  // Ended steps that there is no room for are left out from the oldest on; so are running ones in a
  // very low window.
  const std::size_t shown_running = std::min(running, room);
  std::size_t hidden_running = running - shown_running;
  const std::size_t ended = order_.size() - running;
  std::size_t hidden_ended = ended - std::min(ended, room - shown_running);
  std::size_t spare = room - shown_running - (ended - hidden_ended);
  // Output matters more than old steps: they give way, but for the latest three.
  if (shown_running > 0) {
    const std::size_t wanted = std::min(room, shown_running * kOutputLines);
    while (spare < wanted && ended - hidden_ended > 3) {
      ++hidden_ended;
      ++spare;
    }
  }
  const std::size_t each_below = shown_running > 0 ? spare / shown_running : 0;
  for (const Step* each : order_) {
    std::size_t& hidden = each->state == StepState::running ? hidden_running : hidden_ended;
    if (hidden > 0) {
      --hidden;
      continue;
    }
    lines.push_back(title(*each, frame, columns));
    if (each->state != StepState::running) continue;
    for (Line& line : below(*each, each_below, columns)) lines.push_back(std::move(line));
  }
  return lines;
}

void TtyProgress::append_failures(std::string& out) const {
  for (const Step* each : order_) {
    if (each->state != StepState::failed) continue;
    out.append(fmt::format("------\n > {}:\n", each->name));
    if (each->output.dropped() > 0)
      out.append(fmt::format("({} earlier lines are not kept here)\n", each->output.dropped()));
    for (const std::string& line : each->output.lines()) out.append(line).append("\n");
    if (!each->error.empty())
      out.append(Colours::paint(options_.colours.error, "ERROR: " + each->error)).append("\n");
    out.append("------\n");
  }
}

void TtyProgress::append_warnings(std::string& out) const {
  if (warnings_.empty()) return;
  const std::string title =
      fmt::format(" {} warning{} found:", warnings_.size(), warnings_.size() == 1 ? "" : "s");
  out.append("\n").append(Colours::paint(options_.colours.warning, title)).append("\n");
  for (const std::string& warning : warnings_) out.append(" - ").append(warning).append("\n");
}

/// One write a frame, so that no half-drawn picture is ever seen.
void TtyProgress::draw_locked(Frame frame) {
  if (finished_) return;
  const ViewSize size = options_.size();
  std::string out;
  if (!std::exchange(cursor_hidden_, true)) out.append(kHideCursor);
  // A window that became narrower has wrapped what is on it.
  int up = 0;
  for (const int width : drawn_)
    up += std::max(1, (width + size.columns - 1) / std::max(size.columns, 1));
  up = std::min(up, size.rows - 1);
  out.push_back('\r');
  if (up > 0) out.append(fmt::format("\033[{}A", up));
  drawn_.clear();
  if (frame == Frame::last) out.append(kEraseBelow);
  for (const Line& line : compose(frame, size)) {
    out.append(Colours::paint(line.colour, line.text)).append(kEraseLine).append("\n");
    drawn_.push_back(format::display_width(line.text));
  }
  out.append(kEraseBelow);
  options_.sink(out);
}

void TtyProgress::finish_locked() {
  if (finished_) return;
  if (order_.empty() && warnings_.empty()) {
    if (cursor_hidden_) options_.sink(kShowCursor);
    finished_ = true;
    return;
  }
  draw_locked(Frame::last);
  finished_ = true;
  std::string out;
  append_failures(out);
  append_warnings(out);
  out.append(kShowCursor);
  options_.sink(out);
}

}  // namespace kiln::cli
