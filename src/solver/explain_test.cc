// SPDX-License-Identifier: Apache-2.0
#include "solver/explain.h"

#include <gtest/gtest.h>

#include "solver/forecast.h"
#include "solver/solver_test_kit.h"

namespace kiln::solver {
namespace {

class Explain : public testing::SolverTest {
 protected:
  /// A vertex of a Dockerfile whose text may differ from the last one's.
  llb::VertexId at(llb::Vertex vertex, const std::string& instruction, const std::string& place) {
    vertex.origin = {instruction, instruction, "", "", place, {}};
    return graph.add(std::move(vertex));
  }
  llb::VertexId run_at(llb::VertexId root, const std::string& command, const std::string& place) {
    return at({exec_of(command), {root}, {}}, "RUN " + command, place);
  }
  llb::VertexId copy_at(llb::VertexId root, const std::string& pattern, const std::string& place) {
    llb::FileOp op;
    op.actions.emplace_back(copying(pattern, "/d/"));
    return at({std::move(op), {root, context()}, {}}, "COPY " + pattern, place);
  }
  /// One line for each step that missed.
  std::vector<std::string> misses(llb::VertexId target) {
    std::vector<std::string> out;
    for (const auto& missed : solved(target)->progress.of<StepMissed>())
      out.push_back(graph.vertex(missed.step).origin.name + ": " + describe(missed.reason));
    graph = {};
    return out;
  }
  std::vector<StepForecast> forecasts(llb::VertexId target) {
    testing::RecordingProgress progress;
    SolveContext solve_context{*store, *executor, progress};
    auto tree = ContextTree::open(context_path(), ignore, store->context_index(context_path()));
    EXPECT_TRUE(tree.ok());
    solve_context.contexts["context"] = *std::move(tree);
    auto out = forecast(solve_context, graph, {target});
    EXPECT_TRUE(out.ok());
    EXPECT_TRUE(progress.events.empty());
    return out.ok() ? *out : std::vector<StepForecast>();
  }
  using Lines = std::vector<std::string>;
};

TEST_F(Explain, FirstRunHasNothingToCompareWith) {
  EXPECT_EQ(misses(run_at(scratch(), "a", ":1")),
            (Lines{"RUN a: no earlier run of this instruction"}));
  EXPECT_EQ(misses(run_at(scratch(), "a", ":1")), Lines{});
}

TEST_F(Explain, ChangedFileIsNamedAndWhatComesAfterFollows) {
  write("f", "1");
  const auto build = [&] {
    return misses(run_at(run_at(copy_at(scratch(), "/f", ":1"), "a", ":2"), "b", ":3"));
  };
  EXPECT_EQ(build().size(), 3u);
  write("f", "2");
  const Lines lines = build();
  ASSERT_GE(lines.size(), 1u);
  EXPECT_EQ(lines[0], "COPY /f: f changed");
  EXPECT_EQ(lines[1], "RUN a: follows COPY /f");
}

TEST_F(Explain, AnotherInstructionAtThePlaceIsComparedByItsKind) {
  EXPECT_EQ(misses(run_at(scratch(), "a", ":1")).size(), 1u);
  EXPECT_EQ(misses(run_at(scratch(), "b", ":1")), (Lines{"RUN b: the command changed"}));
  EXPECT_EQ(misses(run_at(scratch(), "c", ":2")),
            (Lines{"RUN c: no earlier run of this instruction"}));
}

TEST_F(Explain, NearestOfSeveralRunsIsTakenNotTheLatest) {
  write("a", "1");
  write("b", "1");
  const auto build = [&] { return misses(copy_at(scratch(), "/*", ":1")); };
  EXPECT_EQ(build().size(), 1u);
  write("a", "2");
  write("b", "2");
  EXPECT_EQ(build(), (Lines{"COPY /*: a changed; b changed"}));
  write("a", "1");
  write("b", "3");
  EXPECT_EQ(build(), (Lines{"COPY /*: b changed"}));
}

TEST_F(Explain, OtherBaseImageIsNamed) {
  write("f", "1");
  const auto made = solved(copy("/f"));
  const auto layers = made->results.rbegin()->second.layers;
  graph = {};
  EXPECT_EQ(misses(run_at(scratch(), "a", ":1")).size(), 1u);
  const auto base =
      graph.add({llb::ImageSource{layers}, {}, {"[1/2] FROM base:1", "", "", "", "", {}}});
  EXPECT_EQ(misses(run_at(base, "a", ":1")),
            (Lines{"RUN a: base image base:1: (none) → " + layers[0].str().substr(0, 19)}));
}

TEST_F(Explain, DeletedResultIsSaid) {
  write("f", "1");
  const auto target = copy_at(scratch(), "/f", ":1");
  const auto made = solved(target);
  ASSERT_TRUE(store->layers().remove(made->results.at(target).layers.back()).ok());
  EXPECT_EQ(misses(target), (Lines{"COPY /f: the result of its earlier run has been deleted"}));
}

TEST_F(Explain, WithoutTheCacheNothingIsCompared) {
  write("f", "1");
  EXPECT_EQ(misses(copy_at(scratch(), "/f", ":1")).size(), 1u);
  cache = UseCache::ignore;
  EXPECT_EQ(misses(copy_at(scratch(), "/f", ":1")), (Lines{"COPY /f: the cache is not used"}));
}

TEST_F(Explain, ManyChangesAreCounted) {
  for (int i = 0; i < 150; ++i) write("d/" + std::to_string(i), "1");
  EXPECT_EQ(misses(copy_at(scratch(), "/d", ":1")).size(), 1u);
  for (int i = 0; i < 150; ++i) write("d/" + std::to_string(i), "2");
  const Lines lines = misses(copy_at(scratch(), "/d", ":1"));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].ends_with("; and 147 more")) << lines[0];
}

TEST_F(Explain, ForecastSaysWhatHitsRunsAndDepends) {
  write("f", "1");
  const auto target = [&] {
    return run_at(copy_at(run_at(scratch(), "a", ":1"), "/f", ":2"), "b", ":3");
  };
  EXPECT_EQ(misses(target()).size(), 3u);
  const std::size_t layers = layers_in_store();
  auto steps = forecasts(target());
  ASSERT_EQ(steps.size(), 3u);
  for (const auto& step : steps) EXPECT_EQ(step.verdict, StepForecast::Verdict::hit);
  write("f", "2");
  steps = forecasts(target());
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].verdict, StepForecast::Verdict::hit);
  EXPECT_EQ(steps[1].verdict, StepForecast::Verdict::run);
  EXPECT_EQ(describe(steps[1].reason), "f changed");
  EXPECT_EQ(steps[2].verdict, StepForecast::Verdict::depends);
  EXPECT_EQ(steps[2].on, (std::vector<llb::VertexId>{steps[1].vertex}));
  EXPECT_GE(steps[2].milliseconds, 0);
  EXPECT_EQ(layers_in_store(), layers);
  // It was only asked: the build still has it to do.
  EXPECT_EQ(misses(target()).size(), 2u);
}

}  // namespace
}  // namespace kiln::solver
