// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

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

class PlainProgressTest : public testing::Test {
 protected:
  void start(std::size_t step, std::string name) {
    display_.report(StepStarted{step, std::move(name)});
  }
  void write(std::size_t step, std::string bytes, OutputStream stream = OutputStream::out) {
    display_.report(StepOutput{step, stream, std::move(bytes)});
  }
  void end(std::size_t step, StepOutcome outcome = StepOutcome::done, std::string error = {}) {
    display_.report(StepEnded{step, outcome, std::move(error)});
  }

  std::string text_;
  SteadyTime now_;
  PlainProgress display_{{.sink = [this](std::string_view text) { text_.append(text); },
                          .clock = [this] { return now_; },
                          .waker = Waker::none}};
};

TEST_F(PlainProgressTest, OneStepAfterTheOther) {
  start(4, "[1/2] FROM busybox");
  end(4, StepOutcome::cached);
  start(7, "[2/2] RUN echo hi");
  now_ += 123ms;
  write(7, "hi\nthere");
  now_ += 100ms;
  end(7);
  display_.report(BuildEnded{true});
  EXPECT_EQ(text_,
            "#1 [1/2] FROM busybox\n"
            "#1 CACHED\n"
            "\n"
            "#2 [2/2] RUN echo hi\n"
            "#2 0.123 hi\n"
            "#2 0.223 there\n"
            "#2 DONE 0.2s\n");
}

TEST_F(PlainProgressTest, FailuresAndCancellations) {
  start(0, "RUN false");
  write(0, "oops\n", OutputStream::err);
  end(0, StepOutcome::failed, "exit code: 1");
  start(1, "RUN sleep");
  end(1, StepOutcome::cancelled);
  EXPECT_EQ(text_,
            "#1 RUN false\n#1 0.000 oops\n#1 ERROR: exit code: 1\n\n#2 RUN sleep\n#2 CANCELED\n");
}

TEST_F(PlainProgressTest, ParallelStepsKeepTheirLinesTogether) {
  start(0, "a");
  start(1, "b");
  write(1, "b1\n");
  write(0, "a1\n");
  write(1, "b2\n");
  end(0);
  end(1);
  EXPECT_EQ(text_,
            "#1 a\n#1 0.000 a1\n#1 DONE 0.0s\n"
            "\n#2 b\n#2 0.000 b1\n#2 0.000 b2\n#2 DONE 0.0s\n");
}

TEST_F(PlainProgressTest, ASilentStepLosesItsTurn) {
  start(0, "a");
  start(1, "b");
  write(1, "b1\n");
  now_ += 600ms;
  display_.flush_due();
  write(0, "a1\n");
  end(1);
  end(0);
  EXPECT_EQ(text_,
            "#1 a\n#1 ...\n"
            "\n#2 b\n#2 0.000 b1\n#2 DONE 0.6s\n"
            "\n#1 a\n#1 0.600 a1\n#1 DONE 0.6s\n");
}

TEST_F(PlainProgressTest, ABusyStepLosesItsTurnAfterThreeSeconds) {
  start(0, "a");
  start(1, "b");
  for (int i = 0; i < 9; ++i) {
    write(0, "x\n");
    now_ += 400ms;
  }
  display_.flush_due();
  EXPECT_THAT(text_, testing::EndsWith("#1 ...\n\n#2 b\n"));
}

TEST_F(PlainProgressTest, StampsLoseDigitsAsTheyGrow) {
  EXPECT_EQ(format_stamp(123ms), "0.123");
  EXPECT_EQ(format_stamp(12345ms), "12.35");
  EXPECT_EQ(format_stamp(123456ms), "123.5");
}

TEST_F(PlainProgressTest, CarriageReturnsStartTheLineOver) {
  start(0, "a");
  write(0, "10%\r50%\r");
  write(0, "100%\r\nnext\r\n");
  EXPECT_EQ(text_, "#1 a\n#1 0.000 100%\n#1 0.000 next\n");
}

TEST_F(PlainProgressTest, LongLinesAreNotClipped) {
  start(0, std::string(500, 'n'));
  write(0, std::string(300'000, 'x') + "\n");
  EXPECT_THAT(text_, testing::StartsWith("#1 " + std::string(500, 'n') + "\n"));
  EXPECT_EQ(std::ranges::count(text_, 'x'), 300'000);
}

TEST_F(PlainProgressTest, StreamsDoNotMixWithinALine) {
  start(0, "a");
  write(0, "out");
  write(0, "err\n", OutputStream::err);
  write(0, " more\n");
  EXPECT_EQ(text_, "#1 a\n#1 0.000 err\n#1 0.000 out more\n");
}

TEST_F(PlainProgressTest, NotesAndWarnings) {
  start(0, "a");
  display_.report(StepNote{0, "12.4MB in 310 files"});
  display_.report(BuildWarning{"one"});
  end(0);
  display_.report(BuildWarning{"two"});
  display_.report(BuildEnded{true});
  EXPECT_EQ(text_,
            "#1 a\n#1 12.4MB in 310 files\n#1 DONE 0.0s\n"
            "\n 2 warnings found:\n - one\n - two\n");
}

TEST_F(PlainProgressTest, AnEndedBuildLosesNothing) {
  start(0, "a");
  start(1, "b");
  write(1, "b1\nunfinished");
  display_.report(BuildEnded{false});
  EXPECT_EQ(text_, "#1 a\n\n#2 b\n#2 0.000 b1\n#2 0.000 unfinished\n");
}

TEST(PlainProgress, OnATerminalOnlyColoursGetThrough) {
  std::string text;
  PlainProgress display({.sink = [&](std::string_view more) { text.append(more); },
                         .output = PlainOutput::terminal,
                         .clock = [] { return SteadyTime(); },
                         .waker = Waker::none});
  display.report(StepStarted{0, "RUN \033[2Jx"});
  display.report(StepOutput{0, OutputStream::out, "\033[31mred\033[2J\033]0;title\a\n"});
  EXPECT_EQ(text, "#1 RUN x\n#1 0.000 \033[31mred\033[0m\n");
}

TEST(PlainProgress, TheThreadShowsWaitingLines) {
  std::atomic<bool> seen = false;
  PlainProgress display({.sink = [&](std::string_view text) {
    if (text.find("#2 0.") != std::string_view::npos) seen = true;
  }});
  display.report(StepStarted{0, "a"});
  display.report(StepStarted{1, "b"});
  display.report(StepOutput{1, OutputStream::out, "line\n"});
  for (int i = 0; i < 100 && !seen; ++i) std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace kiln::cli
