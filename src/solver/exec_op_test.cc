// SPDX-License-Identifier: Apache-2.0
#include "solver/exec_op.h"

#include <gmock/gmock.h>

#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

/// Steps over real overlay mounts; the process itself is made up.
class RunTest : public SolverTest {
 protected:
  void behave(executor::FakeExecutor::Behaviour behaviour) {
    executor = std::make_unique<executor::FakeExecutor>(std::move(behaviour));
  }
  llb::VertexId run_op(llb::ExecOp op, llb::VertexId root) {
    return graph.add({std::move(op), {root}, named("RUN")});
  }
  /// Whether `changed` over the same root runs again after the plain step has run.
  bool misses_after(const std::function<void(llb::ExecOp&)>& change) {
    const auto root = scratch();
    solved(run_op(exec_of("x"), root));
    llb::ExecOp op = exec_of("x");
    change(op);
    return !hits(run_op(std::move(op), root));
  }
};
using RunCache = RunTest;
using RunStep = RunTest;

TEST_F(RunCache, NothingChangedHits) {
  const auto target = run(scratch(), "x");
  EXPECT_FALSE(hits(target));
  EXPECT_TRUE(hits(target));
  EXPECT_EQ(executor->specs().size(), 1u);
}

TEST_F(RunCache, ArgvMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.argv.back() = "y"; }));
}
TEST_F(RunCache, WhereArgumentsEndMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.argv = {"/bin/sh -c", "x"}; }));
}
TEST_F(RunCache, EnvironmentMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.env.emplace_back("A=1"); }));
}
TEST_F(RunCache, WorkingDirectoryMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.cwd = "/tmp"; }));
}
TEST_F(RunCache, UserMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.user = "1"; }));
}
TEST_F(RunCache, NetworkMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.network = llb::NetworkMode::none; }));
}
TEST_F(RunCache, InlineFilesMatter) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.inline_mounts.push_back({"/f", "1", 0755}); }));
}
TEST_F(RunCache, LatestTimeMatters) {
  EXPECT_TRUE(misses_after([](llb::ExecOp& op) { op.max_mtime = 5; }));
}
TEST_F(RunCache, ProxySettingsDoNotMatter) {
  EXPECT_FALSE(misses_after([](llb::ExecOp& op) { op.unkeyed_env = {"HTTP_PROXY=x"}; }));
}

TEST_F(RunCache, BaseLayersMatter) {
  write("a", "1");
  const auto source = context();
  const auto root = scratch();
  solved(run(copy(root, source, {copying("/a", "/a")}), "x"));
  EXPECT_FALSE(hits(run(copy(root, source, {copying("/a", "/b")}), "x")));
}

TEST_F(RunCache, NamesAndTextsDoNotMatter) {
  const auto root = scratch();
  solved(run(root, "x", "[1/2] RUN x"));
  graph = {};
  llb::Origin origin{"[other 7/9] RUN x", "RUN   x", "excerpt", "Elsewhere:9"};
  EXPECT_TRUE(hits(graph.add({exec_of("x"), {scratch()}, std::move(origin)})));
}

TEST_F(RunCache, StepAfterOneThatRanAgainToTheSameResultHits) {
  write("a", "1");
  write("b", "1");
  const auto root = scratch();
  const auto stage = copy(root, context(), {copying("/b", "/")});
  const auto first = run(stage, "make");
  const auto target = copy(root, first, {copying("/out", "/out")});
  behave([](const executor::ExecSpec& spec, executor::ExecIo&,
            std::stop_token) -> Result<os::ExitStatus> {
    const std::string path = spec.rootfs + "/out";
    std::ofstream(path) << "same";
    return os::ExitStatus{};
  });
  solved(target);
  write("b", "2");
  const auto again = solved(target);
  EXPECT_EQ(again->outcomes[first], StepOutcome::done);
  EXPECT_EQ(again->outcomes[target], StepOutcome::cached);
  EXPECT_EQ(executor->specs().size(), 2u);
}

TEST_F(RunCache, IgnoreCacheRunsAgainAndItsResultIsRecorded) {
  int number = 0;
  behave([&](const executor::ExecSpec& spec, executor::ExecIo&,
             std::stop_token) -> Result<os::ExitStatus> {
    std::ofstream(spec.rootfs + "/n") << ++number;
    return os::ExitStatus{};
  });
  const auto target = run(scratch(), "x");
  solved(target);
  cache = UseCache::ignore;
  EXPECT_EQ(read_result(*solved(target), target, "/n"), "2");
  cache = UseCache::use;
  const auto third = solved(target);
  EXPECT_EQ(third->outcomes[target], StepOutcome::cached);
  EXPECT_EQ(read_result(*third, target, "/n"), "2");
}

TEST_F(RunStep, ResultIsWhatTheProcessLeft) {
  write("a", "old");
  write("gone", "x");
  const auto base = copy(scratch(), context(), {copying("/a", "/"), copying("/gone", "/")});
  behave([](const executor::ExecSpec& spec, executor::ExecIo&,
            std::stop_token) -> Result<os::ExitStatus> {
    std::ofstream(spec.rootfs + "/a") << "new";
    fs::remove(spec.rootfs + "/gone");
    return os::ExitStatus{};
  });
  const auto target = run(base, "x");
  const auto out = solved(target);
  EXPECT_EQ(read_result(*out, target, "/a"), "new");
  EXPECT_EQ(read_result(*out, target, "/gone"), "(not there)");
  EXPECT_EQ(read_result(*out, base, "/a"), "old");
  EXPECT_EQ(out->results.at(target).layers.size(), 2u);
}

TEST_F(RunStep, ProcessGetsWhatTheOpSays) {
  llb::ExecOp op = exec_of("x");
  op.unkeyed_env = {"HTTP_PROXY=p"};
  op.cwd = "/w";
  op.user = "7:8";
  op.network = llb::NetworkMode::none;
  solved(run_op(std::move(op), scratch()));
  const auto spec = executor->specs().at(0);
  EXPECT_EQ(spec.argv, (std::vector<std::string>{"/bin/sh", "-c", "x"}));
  EXPECT_THAT(spec.env, Contains("HTTP_PROXY=p"));
  EXPECT_THAT(spec.env, Contains("HOME=/"));
  EXPECT_EQ(spec.cwd, "/w");
  EXPECT_EQ(spec.uid, 7u);
  EXPECT_EQ(spec.gid, 8u);
  EXPECT_EQ(spec.network, executor::Network::none);
  EXPECT_FALSE(spec.terminal);
}

TEST_F(RunStep, OutputReachesProgressByStream) {
  behave([](const executor::ExecSpec&, executor::ExecIo& io,
            std::stop_token) -> Result<os::ExitStatus> {
    io.output(executor::OutputStream::out, "to out");
    io.output(executor::OutputStream::err, "to err");
    return os::ExitStatus{};
  });
  const auto out = solved(run(scratch(), "x"));
  const auto outputs = out->progress.of<StepOutput>();
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].stream, OutputStream::out);
  EXPECT_EQ(outputs[1].bytes, "to err");
}

TEST_F(RunStep, FailingProcessGivesItsExitCodeAndPublishesNothing) {
  behave([](const executor::ExecSpec& spec, executor::ExecIo&,
            std::stop_token) -> Result<os::ExitStatus> {
    std::ofstream(spec.rootfs + "/half") << "done";
    return os::ExitStatus{42, 0};
  });
  const auto target = run(scratch(), "x");
  const Error error = failed(target);
  EXPECT_EQ(error.kind(), ErrorKind::step_failed);
  EXPECT_EQ(error.exit_code(), 42);
  EXPECT_THAT(error.message(), HasSubstr("did not complete successfully: exit code: 42"));
  EXPECT_EQ(layers_in_store(), 0u);
  EXPECT_EQ(failed(target).exit_code(), 42);
  EXPECT_EQ(executor->specs().size(), 2u);
}

TEST_F(RunStep, ProcessThatASignalEndedFailsTheStep) {
  behave([](const executor::ExecSpec&, executor::ExecIo&,
            std::stop_token) -> Result<os::ExitStatus> { return os::ExitStatus{137, 0}; });
  EXPECT_EQ(failed(run(scratch(), "x")).exit_code(), 137);
}

TEST_F(RunStep, ProcessThatCanNotStartKeepsItsError) {
  behave(
      [](const executor::ExecSpec&, executor::ExecIo&, std::stop_token) -> Result<os::ExitStatus> {
        return not_found("no such program").with_exit_code(127);
      });
  llb::Origin origin{"[2/2] RUN x", "RUN x", "   1 | >>> RUN x\n", "Dockerfile:1"};
  const Error error = failed(graph.add({exec_of("x"), {scratch()}, std::move(origin)}));
  EXPECT_EQ(error.exit_code(), 127);
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:1: RUN x: no such program"));
  EXPECT_THAT(error.message(), HasSubstr(">>> RUN x"));
}

TEST_F(RunStep, UnknownUserFailsTheStep) {
  llb::ExecOp op = exec_of("x");
  op.user = "nobody-here";
  failed(run_op(std::move(op), scratch())).kind();
  EXPECT_TRUE(executor->specs().empty());
}

TEST_F(RunStep, NothingIsLeftMountedOrInTheWorkspace) {
  solved(run(scratch(), "x"));
  std::ifstream mounts("/proc/self/mounts");
  const std::string all((std::istreambuf_iterator<char>(mounts)), {});
  EXPECT_EQ(all.find(folder), std::string::npos);
  EXPECT_TRUE(fs::is_empty(store->workspace().path()));
}

}  // namespace
}  // namespace kiln::solver::testing
