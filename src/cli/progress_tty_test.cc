// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_tty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cli/progress_display.h"
#include "format/utf8.h"
#include "os/fd.h"

namespace kiln::cli {
namespace {

using namespace std::chrono_literals;
using solver::BuildEnded;
using solver::BuildWarning;
using solver::OutputStream;
using solver::StepEnded;
using solver::StepNote;
using solver::StepOutcome;
using solver::StepOutput;
using solver::StepStarted;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// A terminal as far as the display needs one: it interprets the bytes and fails the test on
/// anything else. Cells hold one code point each; the second half of a wide one is empty.
class Screen {
 public:
  Screen(int columns, int rows) : columns_(columns), rows_(rows) { lines_.emplace_back(); }

  void write(std::string_view text) {
    while (!text.empty()) {
      if (text[0] == '\033') {
        text.remove_prefix(escape(text));
        continue;
      }
      const format::Rune rune = format::decode_rune(text);
      const std::string_view character = text.substr(0, rune.size);
      text.remove_prefix(rune.size);
      if (rune.code == '\n') {
        column_ = 0;
        if (++row_ == lines_.size()) lines_.emplace_back();
      } else if (rune.code == '\r') {
        column_ = 0;
      } else {
        ASSERT_GE(rune.code, 0x20U) << "a control character reached the terminal";
        put(character, format::display_width(rune.code));
      }
    }
  }

  /// Wraps what is too long for the new width, as terminals do; the cursor stays behind the text.
  void narrow_to(int columns) {
    columns_ = columns;
    const auto width = static_cast<std::ptrdiff_t>(columns);
    std::vector<std::vector<std::string>> wrapped;
    for (auto& line : lines_) {
      for (; std::ssize(line) > width; line.erase(line.begin(), line.begin() + width))
        wrapped.emplace_back(line.begin(), line.begin() + width);
      wrapped.push_back(std::move(line));
    }
    lines_ = std::move(wrapped);
    row_ = lines_.size() - 1;
  }

  /// Without blanks at the ends of lines and empty lines at the end.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& cells : lines_) {
      std::string line;
      for (const std::string& cell : cells) line.append(cell);
      line.erase(line.find_last_not_of(' ') + 1);
      out.push_back(std::move(line));
    }
    while (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }
  bool cursor_visible() const { return cursor_visible_; }
  bool saw_colours() const { return saw_colours_; }

 private:
  void put(std::string_view character, int width) {
    if (static_cast<int>(column_) + width > columns_) {
      column_ = 0;
      if (++row_ == lines_.size()) lines_.emplace_back();
    }
    auto& line = lines_[row_];
    if (line.size() < column_ + static_cast<std::size_t>(width))
      line.resize(column_ + static_cast<std::size_t>(width), " ");
    line[column_] = character;
    if (width == 2) line[column_ + 1] = "";
    column_ += static_cast<std::size_t>(width);
  }

  std::size_t escape(std::string_view text) {
    const auto end = text.find_first_of("ABCDHJKfhlm", 2);
    EXPECT_TRUE(text.starts_with("\033[") && end != std::string_view::npos);
    const std::string_view argument = text.substr(2, end - 2);
    const auto number = parse_uint(argument);
    switch (text[end]) {
      case 'A': {
        // The cursor cannot leave the window: lines above it have scrolled away.
        const std::size_t top = lines_.size() > static_cast<std::size_t>(rows_)
                                    ? lines_.size() - static_cast<std::size_t>(rows_)
                                    : 0;
        const auto up = static_cast<std::size_t>(number.value_or(1));
        EXPECT_GE(row_, top + up) << "above the window";
        row_ -= std::min(row_, up);
        break;
      }
      case 'K':
        if (lines_[row_].size() > column_) lines_[row_].resize(column_);
        break;
      case 'J':
        if (lines_[row_].size() > column_) lines_[row_].resize(column_);
        lines_.resize(row_ + 1);
        break;
      case 'm':
        saw_colours_ = true;
        break;
      default:
        EXPECT_EQ(argument, "?25");
        cursor_visible_ = text[end] == 'h';
    }
    return end + 1;
  }

  int columns_;
  int rows_;
  std::vector<std::vector<std::string>> lines_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  bool cursor_visible_ = true;
  bool saw_colours_ = false;
};

class TtyProgressTest : public testing::Test {
 protected:
  void start(std::size_t step, std::string name) {
    display_->report(StepStarted{step, std::move(name)});
  }
  void write(std::size_t step, std::string bytes) {
    display_->report(StepOutput{step, OutputStream::out, std::move(bytes)});
  }
  void end(std::size_t step, StepOutcome outcome = StepOutcome::done, std::string error = {}) {
    display_->report(StepEnded{step, outcome, std::move(error)});
  }
  std::vector<std::string> drawn() {
    display_->draw();
    return screen_.lines();
  }
  std::unique_ptr<TtyProgress> make(Colours colours = {}) {
    return std::make_unique<TtyProgress>(
        TtyProgress::Options{.sink = [this](std::string_view text) { screen_.write(text); },
                             .size = [this] { return size_; },
                             .colours = std::move(colours),
                             .clock = [this] { return now_; },
                             .waker = Waker::none});
  }

  ViewSize size_{.columns = 41, .rows = 12};
  Screen screen_{41, 12};
  SteadyTime now_;
  std::unique_ptr<TtyProgress> display_ = make();
};

TEST_F(TtyProgressTest, RunningStepsShowTheirLastLines) {
  start(0, "[1/2] FROM busybox");
  end(0, StepOutcome::cached);
  start(1, "[2/2] RUN make");
  write(1, "one\ntwo\n");
  now_ += 1200ms;
  EXPECT_THAT(drawn(),
              ElementsAre("[+] Building 1.2s (1/2)", " => CACHED [1/2] FROM busybox       0.0s",
                          " => [2/2] RUN make                  1.2s", " => => # 0.000 one",
                          " => => # 0.000 two"));
  EXPECT_FALSE(screen_.cursor_visible());
}

TEST_F(TtyProgressTest, TheViewIsRedrawnInPlace) {
  start(0, "RUN a");
  for (int i = 0; i < 20; ++i) {
    write(0, std::to_string(i) + "\n");
    drawn();
    now_ += 100ms;
  }
  EXPECT_EQ(drawn().size(), 8U);
  EXPECT_EQ(screen_.lines().back(), " => => # 1.900 19");
  end(0);
  EXPECT_THAT(drawn(),
              ElementsAre("[+] Building 2.0s (1/1)", " => RUN a                           2.0s"));
}

TEST_F(TtyProgressTest, TheLastPictureHasEveryStep) {
  for (std::size_t i = 0; i < 30; ++i) {
    start(i, "step " + std::to_string(i));
    drawn();
    end(i);
  }
  EXPECT_LE(drawn().size(), 11U);
  display_->report(BuildEnded{true});
  const auto lines = screen_.lines();
  ASSERT_EQ(lines.size(), 31U);
  EXPECT_EQ(lines[0], "[+] Building 0.0s (30/30) FINISHED");
  EXPECT_EQ(lines[1], " => step 0                          0.0s");
  EXPECT_TRUE(screen_.cursor_visible());
}

TEST_F(TtyProgressTest, LongNamesAreCutWhileLiveAndWholeAtTheEnd) {
  const std::string name = "RUN " + std::string(60, 'x');
  start(0, name);
  EXPECT_EQ(drawn()[1], " => RUN xxxxxxxxxxxxxxxxxxxxxxxxxx… 0.0s");
  end(0);
  display_->report(BuildEnded{true});
  std::string all;
  for (const std::string& line : screen_.lines()) all.append(line);
  EXPECT_THAT(all, HasSubstr(name + " 0.0s"));
}

TEST_F(TtyProgressTest, WideCharactersCountTwice) {
  start(0, "RUN 日本語日本語日本語日本語日本語");
  EXPECT_EQ(drawn()[1], " => RUN 日本語日本語日本語日本語日… 0.0s");
}

TEST_F(TtyProgressTest, HostileOutputStaysText) {
  start(0, "RUN \033[2J\033[Hevil");
  write(0, "\033[10A\033]0;title\a\033[?25hshown\b\b\x9B\n");
  EXPECT_THAT(drawn(),
              ElementsAre("[+] Building 0.0s (0/1)", " => RUN evil                        0.0s",
                          " => => # 0.000 shown\uFFFD"));
}

TEST_F(TtyProgressTest, AFailureShowsTheWholeOutput) {
  start(0, "[2/3] RUN make");
  for (int i = 0; i < 40; ++i)
    write(0, "line " + std::to_string(i) + " of a long output that goes on\n");
  drawn();
  end(0, StepOutcome::failed, "exit code: 2");
  display_->report(BuildWarning{"careful"});
  display_->report(BuildEnded{false});
  const auto lines = screen_.lines();
  EXPECT_THAT(lines[0], Not(HasSubstr("FINISHED")));
  EXPECT_EQ(lines[1], " => ERROR [2/3] RUN make            0.0s");
  EXPECT_EQ(lines[2], "------");
  EXPECT_EQ(lines[3], " > [2/3] RUN make:");
  EXPECT_EQ(lines[4], "0.000 line 0 of a long output that goes o");
  EXPECT_EQ(lines[5], "n");
  ASSERT_EQ(lines.size(), 4U + 80 + 5);
  EXPECT_EQ(lines[84], "ERROR: exit code: 2");
  EXPECT_EQ(lines[85], "------");
  EXPECT_EQ(lines[87], " 1 warning found:");
  EXPECT_EQ(lines[88], " - careful");
}

TEST_F(TtyProgressTest, ALowWindowIsNeverOverrun) {
  size_.rows = 4;
  for (std::size_t i = 0; i < 10; ++i) start(i, "step " + std::to_string(i));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(drawn().size(), 3U);
}

TEST_F(TtyProgressTest, ANarrowedWindowIsRedrawnWhole) {
  start(0, "RUN " + std::string(40, 'x'));
  drawn();
  size_.columns = 30;
  screen_.narrow_to(30);
  EXPECT_THAT(drawn(), ElementsAre("[+] Building 0.0s (0/1)", " => RUN xxxxxxxxxxxxxxx… 0.0s"));
}

TEST_F(TtyProgressTest, DestructionGivesTheCursorBack) {
  start(0, "a");
  drawn();
  display_->report(StepNote{0, "a note"});
  EXPECT_EQ(drawn()[2], " => => a note");
  display_.reset();
  EXPECT_TRUE(screen_.cursor_visible());
  EXPECT_THAT(screen_.lines(),
              ElementsAre("[+] Building 0.0s (0/1)", " => a                               0.0s"));
}

TEST_F(TtyProgressTest, ColoursOnlyWhereAsked) {
  start(0, "a");
  end(0);
  drawn();
  EXPECT_FALSE(screen_.saw_colours());
  display_ = make(choose_colours("", ""));
  start(0, "a");
  end(0);
  drawn();
  EXPECT_TRUE(screen_.saw_colours());
}

TEST(KeptOutput, TheOldestLinesGoFirst) {
  KeptOutput output;
  for (int i = 0; i < 100; ++i) output.add(std::string(100'000, 'x'));
  EXPECT_GT(output.dropped(), 0U);
  EXPECT_EQ(output.lines().size() + output.dropped(), 100U);
}

TEST(CreateProgress, ChoosesByModeAndTerminal) {
  EXPECT_EQ(parse_progress_mode("auto"), ProgressMode::automatic);
  EXPECT_EQ(parse_progress_mode("plain"), ProgressMode::plain);
  EXPECT_EQ(parse_progress_mode("fancy"), std::nullopt);
  const auto pipe = os::create_pipe();
  ASSERT_TRUE(pipe.ok());
  const int fd = pipe.value().write_end.get();
  EXPECT_EQ(create_progress(fd, {.mode = ProgressMode::tty}).error().kind(),
            ErrorKind::invalid_input);
  {
    auto display = create_progress(fd, {});
    ASSERT_TRUE(display.ok());
    display.value()->report(StepStarted{0, "a"});
    auto quiet = create_progress(fd, {.mode = ProgressMode::quiet});
    ASSERT_TRUE(quiet.ok());
    quiet.value()->report(StepStarted{0, "b"});
  }
  std::byte buffer[100];
  const auto size = os::read_some(pipe.value().read_end, buffer, "pipe");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(buffer), size.value()), "#1 a\n");
}

}  // namespace
}  // namespace kiln::cli
