// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_plain.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kiln::cli {
namespace {

constexpr auto kSilence = std::chrono::milliseconds(500);
constexpr auto kTurn = std::chrono::seconds(3);

double seconds_of(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string format_stamp(std::chrono::nanoseconds since_start) {
  const double seconds = seconds_of(since_start);
  const int precision = seconds < 10 ? 3 : seconds < 100 ? 2 : 1;
  return fmt::format("{:.{}f}", seconds, precision);
}

PlainProgress::PlainProgress(Options options) : options_(std::move(options)) {
  if (options_.waker == Waker::none) return;
  waker_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto due = turn_ends();
      if (!due) {
        changed_.wait(lock, stop, [this] { return turn_ends().has_value(); });
        continue;
      }
      changed_.wait_until(lock, stop, *due, [] { return false; });
      pass_turn_if_due();
      write_pending();
    }
  });
}

PlainProgress::~PlainProgress() {
  if (waker_.joinable()) {
    waker_.request_stop();
    waker_.join();
  }
  const std::scoped_lock lock(mutex_);
  finish();
  write_pending();
}

void PlainProgress::report(const solver::ProgressEvent& event) {
  {
    const std::scoped_lock lock(mutex_);
    pass_turn_if_due();
    std::visit([this](const auto& each) { handle(each); }, event);
    write_pending();
  }
  changed_.notify_all();
}

void PlainProgress::flush_due() {
  const std::scoped_lock lock(mutex_);
  pass_turn_if_due();
  write_pending();
}

void PlainProgress::handle(const solver::StepStarted& event) {
  Step& started = step(event.step);
  started.name = sanitize_line(event.name, Escapes::none);
  started.started = options_.clock();
  started.ended = false;
  if (shown_ == nullptr)
    show(started);
  else if (std::ranges::find(queue_, &started) == queue_.end())
    queue_.push_back(&started);
}

void PlainProgress::handle(const solver::StepOutput& event) {
  Step& writer = step(event.step);
  LineSplitter& splitter = event.stream == solver::OutputStream::out ? writer.out : writer.err;
  splitter.feed(event.bytes, [&](std::string_view line) { add_output(writer, line); });
}

void PlainProgress::handle(const solver::StepNote& event) {
  add(step(event.step), sanitize_line(event.text, Escapes::none));
}

void PlainProgress::handle(const solver::StepMissed& event) {
  if (event.reason.kind == solver::MissReason::Kind::cache_off) return;
  add(step(event.step), "cache miss: " + sanitize_line(describe(event.reason), Escapes::none));
}

void PlainProgress::handle(const solver::StepEnded& event) {
  Step& ended = step(event.step);
  ended.out.finish([&](std::string_view line) { add_output(ended, line); });
  ended.err.finish([&](std::string_view line) { add_output(ended, line); });
  const double seconds = seconds_of(options_.clock() - ended.started);
  ended.ended = true;
  switch (event.outcome) {
    case solver::StepOutcome::done:
      add(ended, fmt::format("DONE {:.1f}s", seconds));
      break;
    case solver::StepOutcome::cached:
      add(ended, "CACHED");
      break;
    case solver::StepOutcome::failed:
      add(ended, "ERROR: " + sanitize_line(event.error, Escapes::none));
      break;
    case solver::StepOutcome::cancelled:
      add(ended, "CANCELED");
      break;
  }
  if (shown_ == &ended) {
    shown_ = nullptr;
    show_next();
  }
}

void PlainProgress::handle(const solver::BuildWarning& event) {
  warnings_.push_back(sanitize_line(event.text, Escapes::none));
}

void PlainProgress::handle(const solver::BuildEnded& /*event*/) { finish(); }

PlainProgress::Step& PlainProgress::step(solver::StepId id) {
  Step& found = steps_[id];
  if (found.number == 0) {
    found.number = steps_.size();
    found.started = options_.clock();
  }
  return found;
}

void PlainProgress::add_output(Step& step, std::string_view line) {
  std::string text = format_stamp(options_.clock() - step.started) + " ";
  if (options_.output == PlainOutput::terminal)
    text.append(sanitize_line(line, Escapes::colours));
  else
    text.append(line);
  add(step, std::move(text));
}

void PlainProgress::add(Step& step, std::string line) {
  if (shown_ == nullptr) show(step);
  if (shown_ == &step) {
    text_.append(fmt::format("#{} {}\n", step.number, line));
    last_line_ = options_.clock();
    return;
  }
  step.waiting.push_back(std::move(line));
  if (std::ranges::find(queue_, &step) == queue_.end()) queue_.push_back(&step);
}

/// Starts a block: the step's header and the lines that have waited.
void PlainProgress::show(Step& step) {
  if (!std::exchange(first_block_, false)) text_.push_back('\n');
  text_.append(fmt::format("#{} {}\n", step.number, step.name));
  for (const std::string& line : std::exchange(step.waiting, {}))
    text_.append(fmt::format("#{} {}\n", step.number, line));
  std::erase(queue_, &step);
  shown_ = step.ended ? nullptr : &step;
  shown_since_ = last_line_ = options_.clock();
}

/// Steps that have ended first, all of them; then the one that has waited longest.
void PlainProgress::show_next() {
  while (shown_ == nullptr && !queue_.empty()) {
    const auto ended = std::ranges::find_if(queue_, [](const Step* each) { return each->ended; });
    show(ended != queue_.end() ? **ended : *queue_.front());
  }
}

std::optional<SteadyTime> PlainProgress::turn_ends() const {
  if (shown_ == nullptr || queue_.empty()) return std::nullopt;
  return std::min(last_line_ + kSilence, shown_since_ + kTurn);
}

void PlainProgress::pass_turn_if_due() {
  const auto due = turn_ends();
  if (!due || options_.clock() < *due) return;
  text_.append(fmt::format("#{} ...\n", shown_->number));
  shown_ = nullptr;
  show_next();
}

void PlainProgress::finish() {
  if (std::exchange(finished_, true)) return;
  for (auto& [id, each] : steps_) {
    if (each.ended) continue;
    each.out.finish([&](std::string_view line) { add_output(each, line); });
    each.err.finish([&](std::string_view line) { add_output(each, line); });
  }
  while (!queue_.empty()) {
    shown_ = nullptr;
    show_next();
  }
  if (warnings_.empty()) return;
  text_.append(
      fmt::format("\n {} warning{} found:\n", warnings_.size(), warnings_.size() == 1 ? "" : "s"));
  for (const std::string& warning : warnings_) text_.append(fmt::format(" - {}\n", warning));
}

void PlainProgress::write_pending() {
  if (text_.empty()) return;
  options_.sink(text_);
  text_.clear();
}

}  // namespace kiln::cli
