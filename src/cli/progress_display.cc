// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_display.h"

#include "cli/progress_json.h"
#include "cli/progress_plain.h"
#include "cli/progress_tty.h"
#include "os/fd.h"
#include "os/file_io.h"
#include "os/system.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

class QuietProgress : public solver::Progress {
 public:
  void report(const solver::ProgressEvent& /*event*/) override {}
};

Result<os::Fd> duplicate(int fd) {
  os::Fd borrowed(fd);
  auto copy = borrowed.duplicate();
  borrowed.release();
  return copy;
}

TextSink sink_to(std::shared_ptr<os::Fd> fd) {
  return [fd = std::move(fd)](std::string_view text) {
    if (*fd && !os::write_all(*fd, text, "progress").ok()) fd->reset();
  };
}

}  // namespace

std::optional<ProgressMode> parse_progress_mode(std::string_view word) {
  if (word.empty() || word == "auto") return ProgressMode::automatic;
  if (word == "plain") return ProgressMode::plain;
  if (word == "tty") return ProgressMode::tty;
  if (word == "quiet" || word == "none") return ProgressMode::quiet;
  if (word == "rawjson") return ProgressMode::raw_json;
  return std::nullopt;
}

Result<std::unique_ptr<solver::Progress>> create_progress(int fd, const ProgressOptions& options) {
  if (options.mode == ProgressMode::quiet)
    return std::unique_ptr<solver::Progress>(new QuietProgress);
  os::Fd own =
      TRY(options.log_file.empty() ? duplicate(fd) : os::open_for_appending(options.log_file));
  const auto copy = std::make_shared<os::Fd>(std::move(own));
  const bool terminal = os::is_terminal(*copy);
  ProgressMode mode = options.mode;
  if (mode == ProgressMode::automatic) mode = terminal ? ProgressMode::tty : ProgressMode::plain;
  if (mode == ProgressMode::tty && !terminal)
    return invalid_input("progress mode tty needs a terminal to write to")
        .with_hint("--progress=plain works everywhere");
  if (mode == ProgressMode::raw_json)
    return std::unique_ptr<solver::Progress>(new JsonProgress({sink_to(copy), os::wall_clock}));
  if (mode == ProgressMode::plain)
    return std::unique_ptr<solver::Progress>(new PlainProgress(
        {.sink = sink_to(copy), .output = terminal ? PlainOutput::terminal : PlainOutput::file}));
  return std::unique_ptr<solver::Progress>(
      new TtyProgress({.sink = sink_to(copy),
                       .size = [copy] { return view_size(*copy); },
                       .colours = options.colours}));
}

}  // namespace kiln::cli
