// SPDX-License-Identifier: Apache-2.0
#include "frontend/stage_lowering.h"

#include <gmock/gmock.h>

#include "frontend/frontend_test_kit.h"

namespace kiln::frontend::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using StageLowering = PlanTest;

// --- ARG and ENV

TEST_F(StageLowering, ArgIsSeenByRunFromItsPlaceOn) {
  const auto execs = ops<llb::ExecOp>(plan("FROM base\nRUN one\nARG A=1\nRUN two\n"));
  EXPECT_THAT(execs.at(0).env, ElementsAre("PATH=/bin"));
  EXPECT_THAT(execs.at(1).env, ElementsAre("PATH=/bin", "A=1"));
}

TEST_F(StageLowering, BuildArgumentReplacesTheDefault) {
  options.build_args = {{"A", "given"}};
  EXPECT_THAT(last_exec(plan("FROM base\nARG A=1\nRUN x\n")).env, Contains("A=given"));
}

TEST_F(StageLowering, BuildArgumentThatIsNotDeclaredIsNotSeen) {
  options.build_args = {{"A", "given"}};
  EXPECT_THAT(last_exec(plan("FROM base\nRUN x\n")).env, ElementsAre("PATH=/bin"));
}

TEST_F(StageLowering, ArgAboveFromIsSeenInAStageOnlyWhenDeclaredAgain) {
  EXPECT_THAT(last_exec(plan("ARG A=1\nFROM base\nRUN x\n")).env, ElementsAre("PATH=/bin"));
  EXPECT_THAT(last_exec(plan("ARG A=1\nFROM base\nARG A\nRUN x\n")).env, Contains("A=1"));
  EXPECT_THAT(last_exec(plan("ARG A=1\nFROM base\nARG A=2\nRUN x\n")).env, Contains("A=2"));
}

TEST_F(StageLowering, ArgEndsWithItsStage) {
  EXPECT_THAT(last_exec(plan("FROM base\nARG A=1\nRUN y\nFROM base\nRUN x\n")).env,
              ElementsAre("PATH=/bin"));
}

TEST_F(StageLowering, ArgWithoutAValueIsNotInTheEnvironment) {
  EXPECT_THAT(last_exec(plan("FROM base\nARG A\nRUN x\n")).env, ElementsAre("PATH=/bin"));
}

TEST_F(StageLowering, ArgIsNotInTheConfig) {
  EXPECT_THAT(plan("FROM base\nARG A=1\n").config.config.env, ElementsAre("PATH=/bin"));
}

TEST_F(StageLowering, EnvAfterArgWins) {
  options.build_args = {{"A", "given"}};
  const auto p = plan("FROM base\nARG A\nENV A=env-$A\nRUN x\n");
  EXPECT_THAT(last_exec(p).env, ElementsAre("PATH=/bin", "A=env-given"));
  EXPECT_THAT(p.config.config.env, ElementsAre("PATH=/bin", "A=env-given"));
}

TEST_F(StageLowering, ValuesOfOneEnvSeeWhatWasBeforeIt) {
  EXPECT_THAT(plan("FROM base\nENV A=1\nENV A=2 B=$A\n").config.config.env,
              ElementsAre("PATH=/bin", "A=2", "B=1"));
}

TEST_F(StageLowering, EnvOfTheBaseExpands) {
  EXPECT_THAT(plan("FROM base\nENV PATH=/x:$PATH\n").config.config.env,
              ElementsAre("PATH=/x:/bin"));
}

TEST_F(StageLowering, ShellFormOfRunIsNotExpanded) {
  EXPECT_THAT(last_exec(plan("FROM base\nENV A=1\nRUN echo $A\n")).argv,
              ElementsAre("/bin/sh", "-c", "echo $A"));
}

TEST_F(StageLowering, ProxyArgumentsReachTheProcessButNeitherKeyNorHistory) {
  options.build_args = {{"HTTP_PROXY", "http://secret"}, {"no_proxy", "x"}};
  const auto p = plan("FROM base\nRUN x\n");
  const auto exec = last_exec(p);
  EXPECT_THAT(exec.unkeyed_env, ::testing::UnorderedElementsAre("HTTP_PROXY=http://secret",
                                                                "http_proxy=http://secret",
                                                                "NO_PROXY=x", "no_proxy=x"));
  EXPECT_THAT(exec.env, ElementsAre("PATH=/bin"));
  EXPECT_THAT(llb::encode(exec), Not(HasSubstr("secret")));
  EXPECT_THAT(history(p), ElementsAre("RUN /bin/sh -c x # buildkit"));
  EXPECT_THAT(p.config.to_json(), Not(HasSubstr("secret")));
}

TEST_F(StageLowering, ProxyArgumentThatIsDeclaredIsKeyed) {
  options.build_args = {{"HTTP_PROXY", "http://p"}};
  const auto exec = last_exec(plan("FROM base\nARG HTTP_PROXY\nRUN x\n"));
  EXPECT_THAT(exec.env, Contains("HTTP_PROXY=http://p"));
  EXPECT_THAT(exec.unkeyed_env, ElementsAre("http_proxy=http://p"));
}

// --- ONBUILD

TEST_F(StageLowering, TriggersOfTheBaseRunFirstAndOnce) {
  images.images["base"].config.on_build = {"ENV T=1", "RUN trigger"};
  const auto p = plan("FROM base AS a\nRUN own\nFROM a\nRUN last\n");
  const auto execs = ops<llb::ExecOp>(p);
  ASSERT_EQ(execs.size(), 3u);
  EXPECT_EQ(execs[0].argv.back(), "trigger");
  EXPECT_THAT(execs[0].env, Contains("T=1"));
  EXPECT_THAT(p.config.config.on_build, IsEmpty());
}

TEST_F(StageLowering, TriggersOfAStageRunInWhatIsFromIt) {
  const auto p = plan("FROM base AS a\nONBUILD LABEL t=1\nFROM a\n");
  EXPECT_EQ(p.config.config.labels.count("t"), 1u);
  EXPECT_THAT(p.config.config.on_build, IsEmpty());
}

TEST_F(StageLowering, OnbuildIsKeptForTheNextBuild) {
  const auto p = plan("FROM base\nONBUILD RUN  echo hi\n");
  EXPECT_THAT(p.config.config.on_build, ElementsAre("RUN  echo hi"));
  EXPECT_EQ(p.graph.size(), 1u);
}

TEST_F(StageLowering, MalformedTriggerIsAnErrorAtFrom) {
  images.images["base"].config.on_build = {"STOPSIGNAL nonsense"};
  const Error error = failure("# c\nFROM base\n");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:2: "));
  EXPECT_THAT(error.message(), HasSubstr("STOPSIGNAL nonsense"));
}

TEST_F(StageLowering, TriggerCanCopyFromAStage) {
  images.images["base"].config.on_build = {"COPY --from=tools /a /b"};
  const auto p = plan("FROM scratch AS tools\nCOPY x /a\nFROM base\n");
  EXPECT_EQ(ops<llb::FileOp>(p).size(), 2u);
}

// --- history and config

TEST_F(StageLowering, HistoryReadsAsBuildKits) {
  options.build_args = {{"B", "2"}};
  const auto p = plan(
      "FROM base\nARG A=1\nARG B\nENV X=1 Y=\"a b\"\nEXPOSE 443 80/udp 90-91\nVOLUME /data /b\n"
      "SHELL [\"/bin/bash\",\"-c\"]\nCMD [\"a\",\"b \\\"c\\\"\"]\nENTRYPOINT run it\n"
      "LABEL k=\"v w\" l=m\nSTOPSIGNAL 9\nUSER 1:2\nWORKDIR /w\n"
      "COPY --chown=1:2 --chmod=600 Dockerfile f /x/\nMAINTAINER me\nRUN x\nRUN [\"a\",\"b c\"]\n");
  EXPECT_THAT(
      history(p),
      ElementsAre("ARG A=1", "ARG B=2", "ENV X=1 Y=a b", "EXPOSE [443/tcp 80/udp 90/tcp 91/tcp]",
                  "VOLUME [/data /b]", "SHELL [/bin/bash -c]", R"(CMD ["a" "b \"c\""])",
                  R"(ENTRYPOINT ["/bin/bash" "-c" "run it"])", "LABEL k=v w l=m", "STOPSIGNAL 9",
                  "USER 1:2", "WORKDIR /w",
                  "COPY --chown=1:2 --chmod=600 Dockerfile f /x/ # buildkit", "MAINTAINER me",
                  "RUN |2 A=1 B=2 /bin/bash -c x # buildkit", "RUN |2 A=1 B=2 a b c # buildkit"));
}

TEST_F(StageLowering, OnlyWhatMakesALayerNamesOneInHistory) {
  const auto p = plan("FROM base\nENV A=1\nRUN x\nWORKDIR /\nWORKDIR /w\nCOPY a /\nLABEL a=b\n");
  std::vector<bool> layers;
  for (const auto& step : p.history) layers.push_back(step.layer.has_value());
  EXPECT_THAT(layers, ElementsAre(false, true, false, true, true, false));
}

TEST_F(StageLowering, EntrypointDropsTheBasesCommandButKeepsItsOwn) {
  images.images["base"].config.command = {{"old"}};
  EXPECT_FALSE(plan("FROM base\nENTRYPOINT [\"e\"]\n").config.config.command.has_value());
  EXPECT_THAT(*plan("FROM base\nCMD [\"new\"]\nENTRYPOINT [\"e\"]\n").config.config.command,
              ElementsAre("new"));
}

TEST_F(StageLowering, RelativeWorkdirsAddUp) {
  EXPECT_EQ(plan("FROM base\nWORKDIR a\nWORKDIR b/../c\n").config.config.working_dir, "/a/c");
}

TEST_F(StageLowering, RelativeDestinationIsBelowTheWorkdir) {
  const auto op = ops<llb::FileOp>(plan("FROM base\nWORKDIR /w\nCOPY a b/\n")).back();
  const auto& copy = std::get<llb::CopyAction>(op.actions.at(0));
  EXPECT_EQ(copy.destination, "/w/b/");
  EXPECT_EQ(copy.pattern, "/a");
}

TEST_F(StageLowering, CopySourceCanNotLeaveTheContext) {
  const auto op = ops<llb::FileOp>(plan("FROM base\nCOPY ../../a /\n")).back();
  EXPECT_EQ(std::get<llb::CopyAction>(op.actions.at(0)).pattern, "/a");
}

TEST_F(StageLowering, RunNetworkIsTheFlagsOrElseTheBuilds) {
  options.network = llb::NetworkMode::none;
  EXPECT_EQ(last_exec(plan("FROM base\nRUN x\n")).network, llb::NetworkMode::none);
  EXPECT_EQ(last_exec(plan("FROM base\nRUN --network=default x\n")).network,
            llb::NetworkMode::none);
  EXPECT_EQ(failure("FROM base\nRUN --network=host x\n").kind(), ErrorKind::permission);
  options.run.entitlements = {"network.host"};
  EXPECT_EQ(last_exec(plan("FROM base\nRUN --network=host x\n")).network, llb::NetworkMode::host);
  options.network = llb::NetworkMode::host;
  EXPECT_EQ(last_exec(plan("FROM base\nRUN --network=none x\n")).network, llb::NetworkMode::none);
  EXPECT_EQ(failure("FROM base\nRUN --network=x y\n").kind(), ErrorKind::invalid_input);
}

TEST_F(StageLowering, HeredocScriptWithAShebangIsAFileOfItsOwn) {
  const auto exec = last_exec(plan("FROM base\nRUN <<EOF\n#!/bin/x\nhi\nEOF\n"));
  ASSERT_EQ(exec.inline_mounts.size(), 1u);
  EXPECT_EQ(exec.inline_mounts[0].content, "#!/bin/x\nhi\n");
  EXPECT_THAT(exec.argv, ElementsAre(exec.inline_mounts[0].path));
}

TEST_F(StageLowering, HeredocScriptIsTheShells) {
  EXPECT_THAT(last_exec(plan("FROM base\nRUN <<EOF\nhi $A\nEOF\n")).argv,
              ElementsAre("/bin/sh", "-c", "hi $A\n"));
}

TEST_F(StageLowering, CopiedHeredocExpandsUnlessItsNameIsQuoted) {
  const auto op =
      ops<llb::FileOp>(plan("FROM base\nENV A=1\nCOPY <<one <<\"two\" /d/\n$A\none\n$A\ntwo\n"))
          .back();
  ASSERT_EQ(op.actions.size(), 2u);
  EXPECT_EQ(std::get<llb::InlineFileAction>(op.actions[0]).content, "1\n");
  EXPECT_EQ(std::get<llb::InlineFileAction>(op.actions[1]).content, "$A\n");
}

TEST_F(StageLowering, LinkedCopyIsMadeOntoNothing) {
  const auto p = plan("FROM base\nCOPY --link --chown=1:2 a /b/\n");
  const llb::Vertex& merge = p.graph.vertex(p.result);
  ASSERT_TRUE(std::holds_alternative<llb::MergeOp>(merge.op));
  ASSERT_EQ(merge.inputs.size(), 2u);
  const llb::Vertex& layer = p.graph.vertex(merge.inputs[1]);
  const auto& below = std::get<llb::ImageSource>(p.graph.vertex(layer.inputs[0]).op);
  EXPECT_THAT(below.layers, IsEmpty());
  EXPECT_EQ(p.history.back().layer, p.result);
}

TEST_F(StageLowering, LinkedCopyThatNeedsTheImageIsAnOrdinaryOne) {
  for (const char* flag : {"--chown=app", "--chown=1:staff", "--chmod=600"}) {
    const auto p = plan("FROM base\nCOPY --link " + std::string(flag) + " a /b/\n");
    EXPECT_TRUE(std::holds_alternative<llb::FileOp>(p.graph.vertex(p.result).op)) << flag;
  }
}

TEST_F(StageLowering, ParentsAreCutAtThePivot) {
  const auto op =
      ops<llb::FileOp>(plan("FROM base\nCOPY --parents a/b ./c d/./e/./f /g/* h/./ . /x\n")).back();
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& action : op.actions) {
    const auto& copy = std::get<llb::CopyAction>(action);
    found.emplace_back(copy.pattern, copy.below.value_or("none"));
  }
  EXPECT_THAT(found, ElementsAre(std::pair("/", "a/b"), std::pair("/", "c"), std::pair("/d", "e/f"),
                                 std::pair("/", "g/*"), std::pair("/h", ""), std::pair("/", "")));
}

TEST_F(StageLowering, EmptyWorkdirIsTheCurrentOne) {
  EXPECT_EQ(plan("FROM base\nWORKDIR /a\nWORKDIR $NONE\n").config.config.working_dir, "/a");
}

TEST_F(StageLowering, StepNamesAreNumberedWithinTheStage) {
  const auto p = plan("FROM base\nENV A=1\nRUN x\nCOPY a /\n");
  EXPECT_EQ(p.graph.vertex(p.result).origin.name, "[3/3] COPY a /");
  EXPECT_EQ(p.graph.vertex(p.result).origin.location, "Dockerfile:4");
  const auto two = plan("FROM base AS one\nFROM base AS two\nRUN x\n");
  EXPECT_EQ(two.graph.vertex(two.result).origin.name, "[two 2/2] RUN x");
}

TEST_F(StageLowering, OnlyAnImageMakesFromAStep) {
  const auto scratch = plan("FROM scratch\nCOPY a /\nCOPY b /\n");
  EXPECT_EQ(scratch.graph.vertex(scratch.result).origin.name, "[2/2] COPY b /");
  const auto stage = plan("FROM base AS one\nONBUILD RUN t\nFROM one AS two\nRUN x\n");
  EXPECT_EQ(stage.graph.vertex(stage.result).origin.name, "[two 2/2] RUN x");
}

TEST_F(StageLowering, StepsAreShownWithTheirValues) {
  const auto shown = [&](const std::string& text) {
    const auto p = plan("FROM base\nENV A=1 B=\"2  3\"\n" + text);
    return p.graph.vertex(p.result).origin.name;
  };
  EXPECT_EQ(shown("copy $A ${B} /$C/\n"), "[2/2] COPY 1 2  3 //");
  EXPECT_EQ(shown("RUN echo \"$A\" '$A' \\$A $C\n"), "[2/2] RUN echo \"1\" '$A' $A $C");
  EXPECT_EQ(shown("RUN --mount=type=secret,id=x,env=A echo $A\n"),
            "[2/2] RUN --mount=type=secret,id=x,env=A echo ****");
  EXPECT_EQ(shown("RUN <<E\n\n one\ntwo $A\nE\n"), "[2/2] RUN <<E (one...)");
  EXPECT_EQ(shown("RUN echo ${A\n"), "[2/2] RUN echo ${A");
}

}  // namespace
}  // namespace kiln::frontend::testing
