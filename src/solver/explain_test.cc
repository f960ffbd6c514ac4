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
    solve_context.cache = cache;
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
  EXPECT_EQ(misses(run_at(scratch(), "b", ":1")), (Lines{"RUN b: the command: a → b"}));
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

TEST_F(Explain, BaseImageOfFewerLayersIsNamedByItsLast) {
  write("f", "1");
  write("g", "1");
  const auto made = solved(copy(copy("/f"), context(), {copying("/g", "/d/")}));
  const auto layers = made->results.rbegin()->second.layers;
  ASSERT_EQ(layers.size(), 2u);
  const auto build = [&](std::vector<oci::DiffId> base) {
    graph = {};
    const auto root = graph.add(
        {llb::ImageSource{std::move(base)}, {}, {"[1/2] FROM base:1", "", "", "", "", {}}});
    return misses(run_at(root, "a", ":1"));
  };
  EXPECT_EQ(build(layers).size(), 1u);
  EXPECT_EQ(build({layers[0]}),
            (Lines{"RUN a: base image base:1: " + layers[1].str().substr(0, 19) + " → " +
                   layers[0].str().substr(0, 19)}));
}

TEST_F(Explain, LinkIsNamedWhereItComesAndGoes) {
  write("f", "1");
  // So that what is not linked is another layer.
  write("root/e/g", "1");
  std::filesystem::permissions(context_path() + "/root/e", std::filesystem::perms(0711));
  const auto build = [&](const std::string& flag, const std::string& linked) {
    const auto base = copy("/root", "/");
    llb::FileOp op;
    op.actions.emplace_back(copying("/f", "/e/"));
    const auto target = at({std::move(op), {linked == "yes" ? scratch() : base, context()}, {}},
                           "COPY " + flag + "/f /e/", ":1");
    Lines out = misses(target);
    std::erase_if(out, [](const std::string& line) { return !line.starts_with("COPY "); });
    return out;
  };
  const std::string kWith = "COPY --link /f /e/: ";
  EXPECT_EQ(build("", "no").back(), "COPY /f /e/: no earlier run of this instruction");
  EXPECT_EQ(build("--link ", "yes"), (Lines{kWith + "--link: no → yes"}));
  const auto removed = store->records().list();
  ASSERT_TRUE(removed.ok());
  std::vector<std::string> keys;
  for (const auto& record : *removed) {
    if (record.instruction == "COPY /f /e/") keys.push_back(record.key);
  }
  ASSERT_TRUE(store->records().remove(keys).ok());
  EXPECT_EQ(build("", "no"), (Lines{"COPY /f /e/: --link: yes → no"}));
  EXPECT_EQ(build("--link=false ", "no"), Lines{});
}

TEST_F(Explain, RunKnownByLayersAloneIsComparedByThem) {
  write("f", "1");
  const auto target = [&] {
    const auto stage = copy_at(scratch(), "/f", "s:1");
    llb::FileOp op;
    op.actions.emplace_back(copying("/d/f", "/e/"));
    return at({std::move(op), {scratch(), stage}, {}}, "COPY --from=s", ":1");
  };
  const auto made = solved(target());
  graph = {};
  // As a cache elsewhere that has results of stages, and not their files, leaves them.
  const auto records = store->records().list();
  ASSERT_TRUE(records.ok());
  std::vector<std::string> keys;
  store::CacheRecord record;
  for (const auto& each : *records) {
    if (each.instruction != "COPY --from=s") continue;
    keys.push_back(each.key);
    const auto found = store->records().find(each.key);
    ASSERT_TRUE(found.ok() && found->has_value());
    record = **found;
  }
  ASSERT_TRUE(store->records().remove(keys).ok());
  record.place = "#:1";
  record.inputs.add("source1:0", "sha256:" + std::string(64, 'a'));
  ASSERT_TRUE(store->records().put(record).ok());
  write("f", "2");
  EXPECT_EQ(misses(target()), (Lines{"COPY /f: f changed", "COPY --from=s: follows COPY /f"}));
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

TEST_F(Explain, WithoutTheCacheAllStepsRunForCertain) {
  write("f", "1");
  const auto target = [&] { return run_at(copy_at(scratch(), "/f", ":1"), "a", ":2"); };
  EXPECT_EQ(misses(target()).size(), 2u);
  cache = UseCache::ignore;
  const auto steps = forecasts(target());
  ASSERT_EQ(steps.size(), 2u);
  for (const auto& step : steps) {
    EXPECT_EQ(step.verdict, StepForecast::Verdict::run);
    EXPECT_EQ(describe(step.reason), "the cache is not used");
    EXPECT_TRUE(step.on.empty());
    EXPECT_GE(step.milliseconds, 0);
  }
}

TEST_F(Explain, StepThatIgnoresTheCacheDependsOnNothing) {
  write("f", "1");
  const auto target = [&] {
    const auto first = copy_at(scratch(), "/f", ":1");
    llb::Vertex last{exec_of("a"), {first}, {}};
    last.ignore_cache = true;
    return run_at(at(std::move(last), "RUN a", ":2"), "b", ":3");
  };
  const auto steps = forecasts(target());
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[1].verdict, StepForecast::Verdict::run);
  EXPECT_EQ(describe(steps[1].reason), "the cache is not used");
  EXPECT_EQ(steps[2].verdict, StepForecast::Verdict::depends);
}

}  // namespace
}  // namespace kiln::solver
