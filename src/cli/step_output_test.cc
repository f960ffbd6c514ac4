// SPDX-License-Identifier: Apache-2.0
#include "cli/step_output.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cli/image_json.h"

namespace kiln::cli {
namespace {

using namespace solver;

class Counter final : public Progress {
 public:
  void report(const ProgressEvent&) override {
    if (++inside_ > 1) overlapped = true;
    ++events;
    --inside_;
  }
  std::atomic<int> events = 0;
  std::atomic<bool> overlapped = false;

 private:
  std::atomic<int> inside_ = 0;
};

TEST(StepOutputKeeper, KeepsTheOutputOfTheStepThatFailedFirst) {
  Counter counter;
  StepOutputKeeper keeper(counter);
  keeper.report(StepOutput{0, OutputStream::out, "fine\n"});
  keeper.report(StepOutput{1, OutputStream::out, "one "});
  keeper.report(StepOutput{2, OutputStream::err, "other"});
  keeper.report(StepOutput{1, OutputStream::err, "two\n"});
  keeper.report(StepEnded{0, StepOutcome::done, {}});
  keeper.report(StepEnded{1, StepOutcome::failed, "x"});
  keeper.report(StepEnded{2, StepOutcome::failed, "x"});
  EXPECT_EQ(keeper.failed_output(), "one two");
  EXPECT_EQ(counter.events, 7);
}

TEST(StepOutputKeeper, NothingFailedKeepsNothing) {
  Counter counter;
  StepOutputKeeper keeper(counter);
  keeper.report(StepOutput{0, OutputStream::out, "x"});
  keeper.report(StepEnded{0, StepOutcome::cancelled, {}});
  EXPECT_EQ(keeper.failed_output(), "");
}

TEST(StepOutputKeeper, OfALongOutputTheEndIsKept) {
  Counter counter;
  StepOutputKeeper keeper(counter);
  for (int i = 0; i < 1000; ++i)
    keeper.report(StepOutput{0, OutputStream::out, std::string(1000, 'x')});
  keeper.report(StepOutput{0, OutputStream::out, "the end"});
  keeper.report(StepEnded{0, StepOutcome::failed, {}});
  EXPECT_LT(keeper.failed_output().size(), 100'000u);
  EXPECT_TRUE(keeper.failed_output().ends_with("the end"));
}

TEST(StepOutputKeeper, TellsTheDisplayOfOneEventAtATime) {
  Counter counter;
  StepOutputKeeper keeper(counter);
  {
    std::vector<std::jthread> threads;
    for (StepId id = 0; id < 4; ++id) {
      threads.emplace_back([&keeper, id] {
        for (int i = 0; i < 1000; ++i) keeper.report(StepOutput{id, OutputStream::out, "x"});
      });
    }
  }
  EXPECT_EQ(counter.events, 4000);
  EXPECT_FALSE(counter.overlapped);
}

}  // namespace
}  // namespace kiln::cli
