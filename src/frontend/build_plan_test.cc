// SPDX-License-Identifier: Apache-2.0
#include "frontend/build_plan.h"

#include <gmock/gmock.h>

#include "frontend/frontend_test_kit.h"

namespace kiln::frontend::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using BuildPlan = PlanTest;

TEST_F(BuildPlan, StageThatIsNotNeededIsNeverResolved) {
  const auto p = plan("FROM missing AS unused\nRUN a\nFROM base\nRUN b\n");
  EXPECT_THAT(images.asked, ElementsAre("base"));
  EXPECT_EQ(ops<llb::ExecOp>(p).size(), 1u);
}

TEST_F(BuildPlan, ErrorsOfAStageThatIsNotNeededDoNotMatter) {
  plan("FROM base AS unused\nSTOPSIGNAL nonsense\nFROM base\n");
}

TEST_F(BuildPlan, TargetLeavesLaterStagesAlone) {
  options.target = "first";
  plan("FROM base AS first\nFROM missing\n");
  EXPECT_THAT(images.asked, ElementsAre("base"));
}

TEST_F(BuildPlan, TargetIgnoresCase) {
  options.target = "FIRST";
  plan("FROM base AS first\nFROM missing\n");
}

TEST_F(BuildPlan, UnknownTargetIsNotFoundAndNearestIsSuggested) {
  options.target = "frist";
  const Error error = failure("FROM base AS first\nFROM base\n");
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.message(), HasSubstr("target stage \"frist\" could not be found"));
  EXPECT_THAT(error.hint(), HasSubstr("first"));
}

TEST_F(BuildPlan, EmptyTargetIsTheLastStage) {
  EXPECT_THAT(plan("FROM missing\nFROM base\nLABEL which=last\n").config.config.labels,
              Contains(std::pair<const std::string, std::string>("which", "last")));
}

TEST_F(BuildPlan, FromOfAnEarlierStageContinuesIt) {
  const auto p = plan("FROM base AS one\nENV A=1\nRUN a\nUSER u\nFROM one\nRUN b\n");
  const auto execs = ops<llb::ExecOp>(p);
  ASSERT_EQ(execs.size(), 2u);
  EXPECT_THAT(execs[1].env, Contains("A=1"));
  EXPECT_EQ(execs[1].user, "u");
  EXPECT_EQ(p.history.size(), 4u);
  EXPECT_THAT(images.asked, ElementsAre("base"));
}

TEST_F(BuildPlan, StageShadowsAnImageOfTheSameNameOnlyAfterwards) {
  plan("FROM base AS base\nRUN a\nFROM base\nRUN b\n");
  EXPECT_THAT(images.asked, ElementsAre("base"));
}

TEST_F(BuildPlan, FromTakesNoStageIndex) {
  EXPECT_EQ(failure("FROM base\nFROM 0\n").kind(), ErrorKind::not_found);
  EXPECT_THAT(images.asked, Contains("0"));
}

TEST_F(BuildPlan, ScratchHasNoLayersAndIsNeverResolved) {
  const auto p = plan("FROM scratch\nCOPY a /\n");
  EXPECT_THAT(images.asked, IsEmpty());
  EXPECT_THAT(ops<llb::ImageSource>(p).front().layers, IsEmpty());
  EXPECT_EQ(p.config.config.working_dir, "/");
  EXPECT_EQ(oci::find_env(p.config.config.env, "PATH"),
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

TEST_F(BuildPlan, BasePathIsKept) {
  EXPECT_EQ(oci::find_env(plan("FROM base\n").config.config.env, "PATH"), "/bin");
}

TEST_F(BuildPlan, BaseLayersAreTheSource) {
  EXPECT_THAT(ops<llb::ImageSource>(plan("FROM base\n")).front().layers,
              ElementsAre(oci::DiffId::of("base")));
}

TEST_F(BuildPlan, MissingBaseImageQuotesItsLine) {
  const Error error = failure("# c\nFROM missing\nRUN x\n");
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:2: "));
  EXPECT_THAT(error.message(), HasSubstr(">>> FROM missing"));
}

TEST_F(BuildPlan, InstructionErrorQuotesItsLine) {
  const Error error = failure("FROM base\n\nSTOPSIGNAL nonsense\n");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:3: "));
  EXPECT_THAT(error.message(), HasSubstr(">>> STOPSIGNAL nonsense"));
}

TEST_F(BuildPlan, BlankBaseNameIsAnError) {
  const Error error = failure("ARG V\nFROM $V\n");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), HasSubstr("should not be blank"));
}

TEST_F(BuildPlan, CopyFromByName) {
  const auto p = plan("FROM base AS one\nRUN a\nFROM scratch\nCOPY --from=ONE /a /b\n");
  EXPECT_EQ(ops<llb::ExecOp>(p).size(), 1u);
  const auto& inputs = p.graph.vertex(p.result).inputs;
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<llb::ExecOp>(p.graph.vertex(inputs[1]).op));
}

TEST_F(BuildPlan, CopyFromByIndex) {
  const auto p = plan("FROM base\nRUN a\nFROM base\nRUN b\nFROM scratch\nCOPY --from=1 /a /b\n");
  ASSERT_EQ(ops<llb::ExecOp>(p).size(), 1u);
  EXPECT_EQ(ops<llb::ExecOp>(p).front().argv.back(), "b");
}

TEST_F(BuildPlan, CopyFromAStageDoesNotAskForTheContext) {
  EXPECT_THAT(
      ops<llb::LocalSource>(plan("FROM base AS one\nFROM scratch\nCOPY --from=one /a /b\n")),
      IsEmpty());
}

TEST_F(BuildPlan, CopyFromWhatIsNoStageIsAnImage) {
  images.add("other:1");
  const auto p = plan("FROM base\nCOPY --from=other:1 /a /b\n");
  EXPECT_THAT(images.asked, ElementsAre("base", "other:1"));
}

TEST_F(BuildPlan, CopyFromUnknownQuotesItsLine) {
  const Error error = failure("FROM base\nCOPY --from=missing /a /b\n");
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:2: "));
}

TEST_F(BuildPlan, CopyFromALaterStageIsAnErrorEvenIfAnImageHasItsName) {
  images.add("two");
  const Error error =
      failure("FROM base AS one\nCOPY --from=two /x /x\nFROM base AS two\nCOPY --from=one / /\n");
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:2: "));
  EXPECT_THAT(error.message(), HasSubstr("\"two\""));
  EXPECT_THAT(images.asked, Not(Contains("two")));
}

TEST_F(BuildPlan, CopyFromItselfIsCircular) {
  const Error error = failure("FROM base AS a\nCOPY --from=a /x /x\n");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), HasSubstr("circular dependency"));
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:2: "));
}

TEST_F(BuildPlan, CopyFromItsOwnOrALaterIndexIsAnError) {
  EXPECT_EQ(failure("FROM base\nCOPY --from=0 /x /x\n").kind(), ErrorKind::invalid_input);
  const Error error = failure("FROM base\nCOPY --from=5 /x /x\n");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), HasSubstr("invalid stage index 5"));
  options.contexts["5"] = llb::LocalSource{"context:5", {}};
  EXPECT_THAT(failure("FROM base\nCOPY --from=5 /x /x\n").message(),
              HasSubstr("invalid stage index 5"));
}

TEST_F(BuildPlan, EqualStepsOfTwoStagesAreOneVertex) {
  const auto p = plan(
      "FROM base AS a\nRUN same\nFROM base AS b\nRUN same\n"
      "FROM scratch\nCOPY --from=a /x /x\nCOPY --from=b /y /y\n");
  EXPECT_EQ(ops<llb::ExecOp>(p).size(), 1u);
}

TEST_F(BuildPlan, StepsThatDifferInEnvironmentAreTwoVertices) {
  const auto p = plan(
      "FROM base AS a\nENV A=1\nRUN same\nFROM base AS b\nENV A=2\nRUN same\n"
      "FROM scratch\nCOPY --from=a /x /x\nCOPY --from=b /y /y\n");
  EXPECT_EQ(ops<llb::ExecOp>(p).size(), 2u);
}

TEST_F(BuildPlan, MetadataInstructionsMakeNoVertex) {
  const auto bare = plan("FROM base\nRUN a\n");
  const auto full = plan(
      "FROM base\nLABEL a=b\nEXPOSE 80\nRUN a\nCMD x\nENTRYPOINT y\nVOLUME /v\nSTOPSIGNAL 9\n"
      "HEALTHCHECK NONE\nMAINTAINER me\n");
  EXPECT_EQ(bare.graph.size(), full.graph.size());
  EXPECT_EQ(llb::encode(bare.graph.vertex(bare.result).op),
            llb::encode(full.graph.vertex(full.result).op));
}

TEST_F(BuildPlan, LabelsOptionWinsOverTheDockerfile) {
  options.labels = {{"a", "option"}, {"c", ""}};
  EXPECT_THAT(plan("FROM base\nLABEL a=file b=file\n").config.config.labels,
              ElementsAre(std::pair("a", "option"), std::pair("b", "file"), std::pair("c", "")));
}

TEST_F(BuildPlan, LabelsOptionIsForTheTargetAlone) {
  options.labels = {{"a", "option"}};
  const auto p = plan("FROM base AS one\nRUN x\nFROM one\nRUN y\n");
  EXPECT_EQ(p.config.config.labels.size(), 1u);
}

TEST_F(BuildPlan, PlatformArgumentsAreThereForFrom) {
  images.add("base-linux-amd64");
  plan("FROM base-$TARGETOS-${TARGETARCH}\n");
  EXPECT_THAT(images.asked, ElementsAre("base-linux-amd64"));
}

TEST_F(BuildPlan, PlatformArgumentsAreSeenInAStageOnlyWhenDeclared) {
  EXPECT_EQ(last_exec(plan("FROM base\nRUN echo\n")).env, std::vector<std::string>{"PATH=/bin"});
  EXPECT_THAT(last_exec(plan("FROM base\nARG TARGETPLATFORM\nARG BUILDARCH\nRUN echo\n")).env,
              ElementsAre("PATH=/bin", "TARGETPLATFORM=linux/amd64", "BUILDARCH=amd64"));
}

TEST_F(BuildPlan, FromPlatformIsAskedFor) {
  plan("FROM --platform=linux/arm64 base\n");
  ASSERT_EQ(images.platforms.size(), 1u);
  EXPECT_EQ(images.platforms[0].str(), "linux/arm64");
}

TEST_F(BuildPlan, TheImageIsForThePlatformThatIsAskedForWhateverItsBaseIsFor) {
  EXPECT_EQ(plan("FROM --platform=linux/arm64 base\n").config.platform.str(),
            plan("FROM base\n").config.platform.str());
  options.target_platform = oci::Platform{"linux", "riscv64", {}};
  EXPECT_EQ(plan("FROM base\n").config.platform.str(), "linux/riscv64");
  options.target_platform = oci::Platform{"linux", "arm", "v6"};
  EXPECT_EQ(plan("FROM base\nRUN x\n").config.platform.str(), "linux/arm/v6");
}

TEST_F(BuildPlan, FromPlatformThatIsNoneQuotesItsLine) {
  EXPECT_THAT(failure("FROM --platform=a/b/c/d/e base\n").message(), HasSubstr("Dockerfile:1: "));
}

TEST_F(BuildPlan, ABaseUsedTwiceIsOneSource) {
  const auto p = plan("FROM base AS a\nRUN a\nFROM base\nCOPY --from=a /x /x\n");
  EXPECT_EQ(ops<llb::ImageSource>(p).size(), 1u);
}

}  // namespace
}  // namespace kiln::frontend::testing
