// SPDX-License-Identifier: Apache-2.0
#include "cli/event_log.h"

#include <fmt/format.h>

#include <optional>

#include "base/strings.h"
#include "os/file_io.h"

namespace kiln::cli {
namespace {

using solver::StepOutcome;

/// `KIND STEP NANOSECONDS LENGTH\nBYTES\n`: an event of the log.
struct Frame {
  std::string_view kind;
  solver::StepId step = 0;
  std::string bytes;
};

std::string_view outcome_word(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::done:
      return "done";
    case StepOutcome::cached:
      return "cached";
    case StepOutcome::failed:
      return "failed";
    case StepOutcome::cancelled:
      return "canceled";
  }
  return {};
}

Frame frame_of(const solver::StepStarted& event) { return {"start", event.step, event.name}; }
Frame frame_of(const solver::StepOutput& event) {
  return {event.stream == solver::OutputStream::out ? "out" : "err", event.step, event.bytes};
}
Frame frame_of(const solver::StepNote& event) { return {"note", event.step, event.text}; }
Frame frame_of(const solver::StepMissed& event) {
  return {"note", event.step, "cache miss: " + describe(event.reason)};
}
Frame frame_of(const solver::StepEnded& event) {
  return {outcome_word(event.outcome), event.step, event.error};
}
Frame frame_of(const solver::BuildWarning& event) { return {"warning", 0, event.text}; }
Frame frame_of(const solver::BuildEnded& event) {
  return {"end", 0, event.succeeded ? "succeeded" : "failed"};
}

std::optional<solver::ProgressEvent> event_of(const Frame& frame) {
  const auto ended = [&](StepOutcome outcome) {
    return solver::ProgressEvent(solver::StepEnded{frame.step, outcome, frame.bytes});
  };
  if (frame.kind == "start") return solver::StepStarted{frame.step, frame.bytes};
  if (frame.kind == "out")
    return solver::StepOutput{frame.step, solver::OutputStream::out, frame.bytes};
  if (frame.kind == "err")
    return solver::StepOutput{frame.step, solver::OutputStream::err, frame.bytes};
  if (frame.kind == "note") return solver::StepNote{frame.step, frame.bytes};
  if (frame.kind == "done") return ended(StepOutcome::done);
  if (frame.kind == "cached") return ended(StepOutcome::cached);
  if (frame.kind == "failed") return ended(StepOutcome::failed);
  if (frame.kind == "canceled") return ended(StepOutcome::cancelled);
  if (frame.kind == "warning") return solver::BuildWarning{frame.bytes};
  if (frame.kind == "end") return solver::BuildEnded{frame.bytes == "succeeded"};
  return std::nullopt;  // of a later version
}

}  // namespace

void EventLog::report(const solver::ProgressEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    const Frame frame = std::visit([](const auto& each) { return frame_of(each); }, event);
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now() - started_);
    buffer_ +=
        fmt::format("{} {} {} {}\n", frame.kind, frame.step, since.count(), frame.bytes.size());
    buffer_.append(frame.bytes).append("\n");
    if (buffer_.size() >= kBuffer) flush();
  }
  next_->report(event);
}

void EventLog::flush() {
  if (failed_ || buffer_.empty()) {
    buffer_.clear();
    return;
  }
  if (!file_) {
    auto file = os::create_file(path_, 0600);
    failed_ = !file.ok();
    if (file) file_ = *std::move(file);
  }
  if (!failed_) {
    failed_ = !os::write_all(file_, buffer_, path_).ok();
    size_ += buffer_.size();
  }
  buffer_.clear();
}

Result<std::uint64_t> EventLog::finish() {
  const std::lock_guard lock(mutex_);
  flush();
  file_.reset();
  if (failed_) return Error(ErrorKind::system, "the build's log could not be written");
  return size_;
}

void replay_log(
    std::string_view log,
    const std::function<void(const solver::ProgressEvent&, std::chrono::nanoseconds)>& take) {
  while (!log.empty()) {
    const auto end = log.find('\n');
    if (end == std::string_view::npos) return;
    const auto words = split(log.substr(0, end), ' ');
    log.remove_prefix(end + 1);
    if (words.size() != 4) return;
    const auto step = parse_uint(words[1]), time = parse_uint(words[2]),
               size = parse_uint(words[3]);
    if (!step || !time || !size || *size >= log.size()) return;
    const auto event = event_of({words[0], static_cast<solver::StepId>(*step),
                                 std::string(log.substr(0, static_cast<std::size_t>(*size)))});
    if (event) take(*event, std::chrono::nanoseconds(*time));
    log.remove_prefix(static_cast<std::size_t>(*size) + 1);
  }
}

}  // namespace kiln::cli
