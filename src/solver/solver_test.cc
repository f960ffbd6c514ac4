// SPDX-License-Identifier: Apache-2.0
#include "solver/solver.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "solver/owner.h"
#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

using namespace std::chrono_literals;

class Solver : public SolverTest {
 protected:
  /// A process that ends once `count` of them run at the same time; code 1 if that doesn't happen.
  executor::FakeExecutor::Behaviour barrier(int count) {
    return [this, count](const executor::ExecSpec&, executor::ExecIo&,
                         std::stop_token) -> Result<os::ExitStatus> {
      std::unique_lock lock(mutex_);
      ++arrived_;
      changed_.notify_all();
      const bool met = changed_.wait_for(lock, 5s, [&] { return arrived_ >= count; });
      return os::ExitStatus{met ? 0 : 1, 0};
    };
  }
  /// The last vertex copies from all of `sources`.
  llb::VertexId join(const std::vector<llb::VertexId>& sources) {
    llb::FileOp op;
    std::vector<llb::VertexId> inputs = {scratch()};
    for (const auto source : sources) {
      llb::CopyAction action = copying("/", "/");
      action.source = inputs.size();
      op.actions.emplace_back(action);
      inputs.push_back(source);
    }
    return graph.add({std::move(op), inputs, named("COPY")});
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
};

TEST_F(Solver, IndependentStepsRunAtTheSameTime) {
  executor = std::make_unique<executor::FakeExecutor>(barrier(3));
  const auto root = scratch();
  solved(join({run(root, "a"), run(root, "b"), run(root, "c")}));
  EXPECT_EQ(executor->specs().size(), 3u);
}

TEST_F(Solver, OneJobRunsOneStepAtATime) {
  std::atomic<int> running = 0, most = 0;
  executor = std::make_unique<executor::FakeExecutor>(
      [&](const executor::ExecSpec&, executor::ExecIo&, std::stop_token) -> Result<os::ExitStatus> {
        most = std::max(most.load(), ++running);
        std::this_thread::sleep_for(5ms);
        --running;
        return os::ExitStatus{};
      });
  const auto root = scratch();
  Solved out;
  ASSERT_TRUE(try_solve(join({run(root, "a"), run(root, "b"), run(root, "c")}), out, 1).ok());
  EXPECT_EQ(most, 1);
}

TEST_F(Solver, StepsWaitForTheirInputs) {
  std::vector<std::string> order;
  executor = std::make_unique<executor::FakeExecutor>(
      [&](const executor::ExecSpec& spec, executor::ExecIo&,
          std::stop_token) -> Result<os::ExitStatus> {
        const std::lock_guard lock(mutex_);
        order.push_back(spec.argv.back());
        return os::ExitStatus{};
      });
  solved(run(run(run(scratch(), "1"), "2"), "3"));
  EXPECT_THAT(order, ::testing::ElementsAre("1", "2", "3"));
}

TEST_F(Solver, IdenticalStepsRunOnce) {
  const auto root = scratch();
  solved(join({run(root, "same", "first"), run(root, "same", "second")}));
  EXPECT_EQ(executor->specs().size(), 1u);
}

TEST_F(Solver, WhatTheTargetDoesNotNeedIsNotRun) {
  const auto root = scratch();
  const auto target = run(root, "a");
  run(root, "b");
  const auto out = solved(target);
  EXPECT_EQ(executor->specs().size(), 1u);
  EXPECT_EQ(out->results.size(), 2u);
}

TEST_F(Solver, FirstFailureStopsWhatRunsAndIsTheOneReturned) {
  executor = std::make_unique<executor::FakeExecutor>(
      [&](const executor::ExecSpec& spec, executor::ExecIo&,
          std::stop_token stop) -> Result<os::ExitStatus> {
        std::unique_lock lock(mutex_);
        if (spec.argv.back() == "fails") {
          changed_.wait_for(lock, 5s, [&] { return arrived_ > 0; });
          return os::ExitStatus{3, 0};
        }
        ++arrived_;
        changed_.notify_all();
        lock.unlock();
        for (int i = 0; i < 1000 && !stop.stop_requested(); ++i) std::this_thread::sleep_for(5ms);
        return Error(ErrorKind::cancelled, stop.stop_requested() ? "stopped" : "never stopped");
      });
  const auto root = scratch();
  const auto target = join({run(root, "fails"), run(root, "sleeps")});
  const Error error = failed(target);
  EXPECT_EQ(error.kind(), ErrorKind::step_failed);
  EXPECT_EQ(error.exit_code(), 3);
}

TEST_F(Solver, StepsAfterAFailedOneAreNotRun) {
  executor = std::make_unique<executor::FakeExecutor>(
      [](const executor::ExecSpec&, executor::ExecIo&, std::stop_token) -> Result<os::ExitStatus> {
        return os::ExitStatus{1, 0};
      });
  failed(run(run(scratch(), "1"), "2")).kind();
  EXPECT_EQ(executor->specs().size(), 1u);
}

TEST_F(Solver, CancellingStopsTheRunningStepAndLeavesNothing) {
  std::stop_source source;
  executor =
      std::make_unique<executor::FakeExecutor>([&](const executor::ExecSpec&, executor::ExecIo&,
                                                   std::stop_token stop) -> Result<os::ExitStatus> {
        source.request_stop();
        for (int i = 0; i < 1000 && !stop.stop_requested(); ++i) std::this_thread::sleep_for(5ms);
        return Error(ErrorKind::cancelled, "stopped");
      });
  Solved out;
  const auto target = run(run(scratch(), "1"), "2");
  const auto done = try_solve(target, out, 2, source.get_token());
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().kind(), ErrorKind::cancelled);
  EXPECT_EQ(executor->specs().size(), 1u);
  EXPECT_EQ(layers_in_store(), 0u);
  const auto ended = out.progress.of<StepEnded>();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].outcome, StepOutcome::cancelled);
}

TEST_F(Solver, CancelledBeforeItBeginsRunsNothing) {
  std::stop_source source;
  source.request_stop();
  Solved out;
  const auto done = try_solve(run(scratch(), "1"), out, 2, source.get_token());
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().kind(), ErrorKind::cancelled);
  EXPECT_TRUE(executor->specs().empty());
}

TEST_F(Solver, EveryStepThatStartedEnds) {
  const auto out = solved(run(run(scratch(), "1"), "2"));
  EXPECT_EQ(out->progress.of<StepStarted>().size(), 2u);
  EXPECT_EQ(out->progress.of<StepEnded>().size(), 2u);
}

TEST_F(Solver, ErrorOfAFailedStepIsOneLine) {
  executor = std::make_unique<executor::FakeExecutor>(
      [](const executor::ExecSpec&, executor::ExecIo&, std::stop_token) -> Result<os::ExitStatus> {
        return os::ExitStatus{1, 0};
      });
  Solved out;
  EXPECT_FALSE(try_solve(run(scratch(), "one\ntwo\n"), out).ok());
  const auto ended = out.progress.of<StepEnded>();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].error.find('\n'), std::string::npos) << ended[0].error;
}

/// Progress says that calls come one at a time.
TEST_F(Solver, ProgressIsToldOfOneEventAtATime) {
  class Overlaps final : public Progress {
   public:
    void report(const ProgressEvent&) override {
      if (++inside_ > 1) overlapped = true;
      std::this_thread::sleep_for(1ms);
      --inside_;
    }
    std::atomic<bool> overlapped = false;

   private:
    std::atomic<int> inside_ = 0;
  } progress;
  const auto root = scratch();
  std::vector<llb::VertexId> runs;
  for (int i = 0; i < 8; ++i) runs.push_back(run(root, std::to_string(i)));
  SolveContext solve_context{*store, *executor, progress};
  EXPECT_TRUE(solve(solve_context, graph, join(runs), 8, {}).ok());
  EXPECT_FALSE(progress.overlapped);
}

class OwnerTest : public FolderTest {
 protected:
  Owner owner(const std::string& text) {
    write("etc/passwd", "root:x:0:0::/:\napp:x:1000:1001::/:\nbad:x:y:z::/:\n");
    write("etc/group", "root:x:0:\nstaff:x:50:app\n");
    std::vector<os::Dir> layers;
    layers.push_back(*os::Dir::open(context_path()));
    const snapshot::LayerView view(std::move(layers));
    const auto found = resolve_owner(view, text);
    EXPECT_TRUE(found.ok());
    return found.ok() ? *found : Owner{};
  }
  void expect(const std::string& text, std::uint32_t uid, std::uint32_t gid,
              std::size_t unknown = 0) {
    const Owner found = owner(text);
    EXPECT_EQ(found.uid, uid) << text;
    EXPECT_EQ(found.gid, gid) << text;
    EXPECT_EQ(found.unknown_names.size(), unknown) << text;
  }
};

TEST_F(OwnerTest, EmptyIsRoot) { expect("", 0, 0); }
TEST_F(OwnerTest, NameBringsItsGroup) { expect("app", 1000, 1001); }
TEST_F(OwnerTest, NumberIsItsOwnGroup) { expect("7", 7, 7); }
TEST_F(OwnerTest, GroupByNameOrNumber) {
  expect("app:staff", 1000, 50);
  expect("7:8", 7, 8);
  expect("7:staff", 7, 50);
  expect("app:8", 1000, 8);
}
TEST_F(OwnerTest, UnknownNamesAreRootAndNamed) {
  expect("ghost", 0, 0, 1);
  expect("ghost:ghosts", 0, 0, 2);
  expect("app:ghosts", 1000, 1001, 1);  // the user's group stays
}
TEST_F(OwnerTest, MalformedPasswdLineIsNoUser) { expect("bad", 0, 0, 1); }
TEST_F(OwnerTest, NumberThatIsTooLargeIsAName) { expect("4294967296", 0, 0, 1); }

}  // namespace
}  // namespace kiln::solver::testing
