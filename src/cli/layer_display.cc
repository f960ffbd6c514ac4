// SPDX-License-Identifier: Apache-2.0
#include "cli/layer_display.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/session.h"
#include "format/units.h"
#include "os/file_io.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

constexpr std::chrono::milliseconds kLeastPause{100};
constexpr unsigned kNarrow = 110;  // docker's
constexpr std::size_t kBar = 50;

LayerDisplay::Terminal terminal_of_standard_output() {
  const auto out = os::standard_output();
  if (!out.ok() || !os::is_terminal(*out)) return {};
  const auto size = os::terminal_size(*out);
  if (!size.ok() || size->rows < 3 || size->columns == 0) return {};
  return {size->rows, size->columns};
}

}  // namespace

std::string transfer_bar(std::uint64_t bytes, std::uint64_t total, unsigned columns) {
  const std::string now = format::human_size(static_cast<double>(bytes), 4);
  if (total == 0) return now;
  const std::string numbers =
      fmt::format("{:>8}/{}", now, format::human_size(static_cast<double>(total), 4));
  if (columns <= kNarrow) return numbers;
  const std::uint64_t part = std::min(bytes, total);
  const auto full = static_cast<std::size_t>(
      static_cast<double>(part) / static_cast<double>(total) * static_cast<double>(kBar));
  return fmt::format("[{}>{}] {}", std::string(full, '='), std::string(kBar - full, ' '), numbers);
}

LayerDisplay LayerDisplay::on_standard_output(bool quiet) {
  if (quiet) return {[](std::string_view) { return Result<void>(); }, Terminal{}};
  return {[](std::string_view text) { return print(text); }, terminal_of_standard_output()};
}

LayerDisplay::LayerDisplay(Write write, Terminal terminal, Clock clock)
    : write_(std::move(write)), terminal_(terminal), clock_(std::move(clock)) {}

void LayerDisplay::layer(std::string_view layer, std::string_view status) {
  const std::scoped_lock lock(mutex_);
  show(layer, fmt::format("{}: {}", layer, status));
}

void LayerDisplay::transferred(std::string_view layer, Direction direction, std::uint64_t bytes,
                               std::uint64_t total) {
  if (terminal_.rows == 0) return;
  const std::scoped_lock lock(mutex_);
  const auto row = rows_.find(layer);
  // Of a layer that is out of reach only what happens to it is told.
  if (row == rows_.end() || lines_ - row->second >= terminal_.rows) return;
  const auto now = clock_();
  auto& drawn = drawn_[std::string(layer)];
  if (now - drawn < kLeastPause) return;
  drawn = now;
  const std::string_view word = direction == Direction::down ? "Downloading" : "Pushing";
  show(layer, fmt::format("{}: {} {}", layer, word, transfer_bar(bytes, total, terminal_.columns)));
}

void LayerDisplay::show(std::string_view layer, std::string text) {
  if (terminal_.rows == 0) {
    (void)write_(text + "\n").ok();
    return;
  }
  text = text.substr(0, terminal_.columns - 1);
  const auto row = rows_.find(layer);
  if (row == rows_.end() || lines_ - row->second >= terminal_.rows) {
    rows_.insert_or_assign(std::string(layer), lines_++);
    (void)write_(text + "\n").ok();
    return;
  }
  // Up to its line, which is cleared and written anew, and down again.
  const std::size_t up = lines_ - row->second;
  (void)write_(fmt::format("\x1b[{0}A\r\x1b[2K{1}\r\x1b[{0}B", up, text)).ok();
}

}  // namespace kiln::cli
