// SPDX-License-Identifier: Apache-2.0
#include "solver/step_key.h"

#include <gtest/gtest.h>

#include "solver/solver_test_kit.h"
#include "solver/step_cache.h"

namespace kiln::solver {
namespace {

TEST(StepKey, IsADigestOfTheOperationAndEveryInput) {
  const std::string key = step_key("op", {"a\t1\nb\t2\n"});
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(key, step_key("op", {"a\t1\nb\t2\n"}));
  EXPECT_NE(key, step_key("op2", {"a\t1\nb\t2\n"}));
  EXPECT_NE(key, step_key("op", {"a\t1\nb\t3\n"}));
  EXPECT_NE(key, step_key("op", {"a\t1\n"}));
  EXPECT_NE(key, step_key("op", {"b\t2\na\t1\n"}));
}

TEST(StepKey, WhereOnePartEndsMatters) {
  EXPECT_NE(step_key("op", {"a\tb\n"}), step_key("op", {"ab\t\n"}));
  EXPECT_NE(step_key("opa", {}), step_key("op", {"a\t\n"}));
  EXPECT_NE(step_key("op\na\tb\n", {}), step_key("op", {"a\tb\n"}));
}

TEST(StepKey, LayersKeepTheirOrder) {
  const auto a = oci::DiffId::of("a"), b = oci::DiffId::of("b");
  store::InputList one, two;
  append_layers("layer", {a, b}, one);
  append_layers("layer", {b, a}, two);
  EXPECT_NE(step_key("op", one), step_key("op", two));
  EXPECT_EQ(one.text, "layer:0\t" + a.str() + "\nlayer:1\t" + b.str() + "\n");
}

using StepCache = testing::SolverTest;

TEST_F(StepCache, RecordWhoseLayerIsGoneIsNoHit) {
  write("a", "1");
  const auto target = copy("/a");
  const auto first = solved(target);
  const auto layer = first->results.at(target).layers.back();
  ASSERT_TRUE(store->layers().remove(layer).ok());
  EXPECT_FALSE(hits(target));
  EXPECT_TRUE(hits(target));
}

TEST_F(StepCache, UnknownKeyIsNoHit) {
  testing::RecordingProgress progress;
  SolveContext solve_context{*store, *executor, progress};
  const StepResult base;
  const StepInputs inputs{graph.vertex(scratch()), {&base}, 0, {}};
  const auto found = find_step(solve_context, inputs, std::string(64, '0'), [] {
    ADD_FAILURE() << "nothing is kept";
    return store::CacheRecord();
  });
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->has_value());
  EXPECT_TRUE(solve_context.used_keys.empty());
}

}  // namespace
}  // namespace kiln::solver
