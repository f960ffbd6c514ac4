// SPDX-License-Identifier: Apache-2.0
#include "solver/step_lock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "solver/solver_test_kit.h"
#include "solver/step_key.h"

namespace kiln::solver {
namespace {

class StepLocks : public testing::SolverTest {
 protected:
  void take(const std::string& command) {
    const std::string key = step_key(llb::encode(exec_of(command)), {});
    auto lock = os::FileLock::acquire(store->paths().step_lock(key), os::FileLock::Mode::exclusive);
    ASSERT_TRUE(lock.ok());
    other.emplace(*std::move(lock));
  }
  /// Calls `then` when a step says that it waits.
  static void when_waiting(testing::Solved& out, std::function<void()> then) {
    out.progress.hook = [then = std::move(then)](const ProgressEvent& event) {
      const auto* note = std::get_if<StepNote>(&event);
      if (note != nullptr && note->text.starts_with("waiting")) then();
    };
  }
  bool locks_are_gone() const { return std::filesystem::is_empty(store->paths().locks()); }
  /// As another process holds it.
  std::optional<os::FileLock> other;
};

TEST_F(StepLocks, StepWaitsForWhoRunsIt) {
  const auto target = run(scratch(), "a");
  take("a");
  testing::Solved out;
  when_waiting(out, [&] {
    other->remove();
    other.reset();
  });
  ASSERT_TRUE(try_solve(target, out).ok());
  EXPECT_FALSE(out.progress.of<StepNote>().empty());
  EXPECT_EQ(out.outcomes[target], StepOutcome::done);
  EXPECT_TRUE(locks_are_gone());
}

TEST_F(StepLocks, WhatWasMadeMeanwhileIsAHit) {
  const auto target = run(scratch(), "a");
  const std::string key = step_key(llb::encode(exec_of("a")), {});
  write("f", "1");
  const auto made = solved(copy("/f"));
  take("a");
  testing::Solved out;
  when_waiting(out, [&] {
    store::CacheRecord record;
    record.key = key;
    record.layer = made->results.rbegin()->second.layers.back();
    EXPECT_TRUE(store->records().put(record).ok());
    other.reset();
  });
  ASSERT_TRUE(try_solve(target, out).ok());
  EXPECT_EQ(out.outcomes[target], StepOutcome::cached);
  EXPECT_TRUE(out.progress.of<StepMissed>().empty());
}

TEST_F(StepLocks, OfManyUnreadFilesOnlyOneCopiesThem) {
  for (int i = 0; i < 2000; ++i) write("d/" + std::to_string(i), std::to_string(i));
  const auto target = copy("/d");
  std::array<testing::Solved, 3> all;
  {
    std::vector<std::jthread> builds;
    for (auto& each : all) builds.emplace_back([&] { EXPECT_TRUE(try_solve(target, each).ok()); });
  }
  EXPECT_EQ(std::ranges::count_if(
                all, [&](auto& each) { return each.outcomes[target] == StepOutcome::done; }),
            1);
  EXPECT_EQ(layers_in_store(), 1u);
  EXPECT_TRUE(locks_are_gone());
}

TEST_F(StepLocks, CancellingEndsTheWaitAtOnce) {
  const auto target = run(scratch(), "a");
  take("a");
  std::stop_source stop;
  testing::Solved out;
  when_waiting(out, [&] { stop.request_stop(); });
  const auto started = std::chrono::steady_clock::now();
  const auto done = try_solve(target, out, 4, stop.get_token());
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().kind(), ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
}

TEST_F(StepLocks, WithoutTheCacheNobodyWaits) {
  const auto target = run(scratch(), "a");
  take("a");
  cache = UseCache::ignore;
  EXPECT_EQ(solved(target)->outcomes[target], StepOutcome::done);
}

}  // namespace
}  // namespace kiln::solver
