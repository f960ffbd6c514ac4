// SPDX-License-Identifier: Apache-2.0
#include "cli/event_log.h"

#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::cli {
namespace {

using os::test::must;
using os::test::TempDir;

class Collect final : public solver::Progress {
 public:
  void report(const solver::ProgressEvent& event) override { events.push_back(event); }
  std::vector<solver::ProgressEvent> events;
};

std::vector<solver::ProgressEvent> replayed(std::string_view log) {
  std::vector<solver::ProgressEvent> out;
  replay_log(log, [&](const solver::ProgressEvent& event, std::chrono::nanoseconds) {
    out.push_back(event);
  });
  return out;
}

TEST(EventLog, GivesBackEveryByteInOrder) {
  const TempDir top;
  Collect next;
  EventLog log(next, top.path("log"));
  log.report(solver::StepStarted{3, "[1/2] RUN x\ny"});
  const std::string bytes("a\0\xff\nstart 1 2 3\n", 16);
  log.report(solver::StepOutput{3, solver::OutputStream::err, bytes});
  solver::MissReason reason;
  log.report(solver::StepMissed{3, reason});
  log.report(solver::StepEnded{3, solver::StepOutcome::failed, "exit code: 1"});
  log.report(solver::BuildEnded{false});
  EXPECT_EQ(next.events.size(), 5u);
  const auto size = must(log.finish());
  const std::string text = top.read("log");
  EXPECT_EQ(size, text.size());
  const auto events = replayed(text);
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(std::get<solver::StepStarted>(events[0]).name, "[1/2] RUN x\ny");
  EXPECT_EQ(std::get<solver::StepOutput>(events[1]).bytes, bytes);
  EXPECT_EQ(std::get<solver::StepOutput>(events[1]).stream, solver::OutputStream::err);
  EXPECT_EQ(std::get<solver::StepNote>(events[2]).text,
            "cache miss: no earlier run of this instruction");
  EXPECT_EQ(std::get<solver::StepEnded>(events[3]).error, "exit code: 1");
  EXPECT_FALSE(std::get<solver::BuildEnded>(events[4]).succeeded);
}

TEST(EventLog, LongOutputGoesToTheFileAsItComes) {
  const TempDir top;
  Collect next;
  EventLog log(next, top.path("log"));
  for (int i = 0; i < 100; ++i)
    log.report(solver::StepOutput{0, solver::OutputStream::out, std::string(4096, 'x')});
  EXPECT_GT(top.read("log").size(), 300'000u);
  must(log.finish());
  EXPECT_EQ(replayed(top.read("log")).size(), 100u);
}

TEST(EventLog, DamagedLogEndsWhereItIsDamaged) {
  EXPECT_EQ(replayed("start 1 0 1\na\nnote 1 0 100\nshort\n").size(), 1u);
  EXPECT_TRUE(replayed("what\n").empty());
  EXPECT_TRUE(replayed("start 1 0 -1\na\n").empty());
  EXPECT_EQ(replayed("later 1 0 1\na\nnote 1 0 1\nb\n").size(), 1u);
}

TEST(EventLog, FileThatCanNotBeWrittenIsSaidAtTheEnd) {
  Collect next;
  EventLog log(next, "/nowhere/log");
  log.report(solver::StepNote{0, "x"});
  EXPECT_FALSE(log.finish().ok());
  EXPECT_EQ(next.events.size(), 1u);
}

}  // namespace
}  // namespace kiln::cli
