// SPDX-License-Identifier: Apache-2.0
#include "frontend/run_lowering.h"

#include <gmock/gmock.h>

#include "frontend/frontend_test_kit.h"

namespace kiln::frontend::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunLowering : public PlanTest {
 protected:
  llb::ExecOp exec(const std::string& run, const std::string& before = "") {
    return last_exec(plan("FROM base\n" + before + "RUN " + run + " x\n"));
  }
  template <typename Mount>
  Mount mount(const std::string& run, const std::string& before = "") {
    const auto op = exec(run, before);
    if (op.mounts.size() != 1 || !std::holds_alternative<Mount>(op.mounts.front())) {
      ADD_FAILURE() << "not one mount of that type: " << run;
      return {};
    }
    return std::get<Mount>(op.mounts.front());
  }
  std::string message(const std::string& run) {
    return failure("FROM base\nRUN " + run + " x\n").message();
  }
};

TEST_F(RunLowering, BindIsReadOnlyAndRelativeToTheWorkingDirectory) {
  const auto bind = mount<llb::BindMount>("--mount=source=a/../b,target=m", "WORKDIR /w\n");
  EXPECT_EQ(bind.source, "/b");
  EXPECT_EQ(bind.target, "/w/m");
  EXPECT_TRUE(bind.read_only);
  EXPECT_FALSE(mount<llb::BindMount>("--mount=target=/m,rw").read_only);
  EXPECT_FALSE(mount<llb::BindMount>("--mount=target=/m,readonly=false").read_only);
}

TEST_F(RunLowering, WhatIsBoundFromTheContextIsCopiedWithoutWhatIsBesideIt) {
  const auto files = ops<llb::FileOp>(plan("FROM base\nRUN --mount=source=a*b,target=/m x\n"));
  ASSERT_EQ(files.size(), 1u);
  const auto& copy = std::get<llb::CopyAction>(files.front().actions.front());
  EXPECT_EQ(copy.pattern, "/a\\*b");
  EXPECT_EQ(copy.destination, "/a*b");
}

TEST_F(RunLowering, BindFromAStageIsAnInput) {
  const auto made = plan("FROM base AS s\nRUN y\nFROM base\nRUN --mount=from=s,target=/m x\n");
  const auto& vertex = made.graph.vertex(made.result);
  ASSERT_EQ(vertex.inputs.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<llb::ExecOp>(made.graph.vertex(vertex.inputs[1]).op));
  EXPECT_EQ(std::get<llb::BindMount>(std::get<llb::ExecOp>(vertex.op).mounts[0]).input, 1u);
}

TEST_F(RunLowering, TwoMountsOfOneStageAreOneInput) {
  const auto made = plan(
      "FROM base AS s\nRUN y\nFROM base\n"
      "RUN --mount=from=s,target=/m --mount=from=s,source=/q,target=/n x\n");
  EXPECT_EQ(made.graph.vertex(made.result).inputs.size(), 2u);
}

TEST_F(RunLowering, ValuesAreExpandedButNotFrom) {
  EXPECT_EQ(mount<llb::BindMount>("--mount=source=$A,target=/$A", "ENV A=v\n").target, "/v");
  EXPECT_THAT(message("--mount=from=$A,target=/m"), HasSubstr("variable expansion"));
}

TEST_F(RunLowering, CacheIdIsTheTargetInTheNamespaceOfTheBuildArgument) {
  EXPECT_EQ(mount<llb::CacheMount>("--mount=type=cache,target=/c/").id, "/c");
  EXPECT_EQ(mount<llb::CacheMount>("--mount=type=cache,target=/c,id=i").id, "i");
  options.build_args["BUILDKIT_CACHE_MOUNT_NS"] = "n";
  EXPECT_EQ(mount<llb::CacheMount>("--mount=type=cache,target=/c,id=i").id, "n/i");
}

TEST_F(RunLowering, CacheSharingAndOwner) {
  const auto cache =
      mount<llb::CacheMount>("--mount=type=cache,target=/c,sharing=locked,uid=3,mode=0700");
  EXPECT_EQ(cache.sharing, llb::CacheSharing::locked);
  EXPECT_EQ(cache.owner.uid, 3u);
  EXPECT_EQ(cache.owner.mode, 0700u);
  EXPECT_FALSE(cache.owner.gid);
  EXPECT_FALSE(cache.read_only);
}

TEST_F(RunLowering, TmpfsSizeHasUnits) {
  EXPECT_EQ(mount<llb::TmpfsMount>("--mount=type=tmpfs,target=/t,size=2m").size, 2u << 20);
  EXPECT_THAT(message("--mount=type=tmpfs,target=/t,size=x"), HasSubstr("invalid value for size"));
}

TEST_F(RunLowering, SecretIsAFileUnlessItIsAVariable) {
  EXPECT_EQ(mount<llb::SecretMount>("--mount=type=secret,id=a/b").target, "/run/secrets/b");
  EXPECT_EQ(mount<llb::SecretMount>("--mount=type=secret,id=a,env=A").target, "");
  EXPECT_EQ(mount<llb::SecretMount>("--mount=type=secret,id=a,env=A,target=/x").target, "/x");
  EXPECT_EQ(mount<llb::SecretMount>("--mount=type=secret,target=/x/y").id, "y");
  EXPECT_TRUE(mount<llb::SecretMount>("--mount=type=secret,id=a,required").required);
}

TEST_F(RunLowering, TheFirstAgentIsTheOneThatSshFinds) {
  const auto op = exec("--mount=type=ssh --mount=type=ssh,id=b");
  EXPECT_THAT(op.env, Contains("SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"));
  EXPECT_EQ(std::get<llb::SshMount>(op.mounts[1]).target, "/run/buildkit/ssh_agent.1");
  const auto own = exec("--mount=type=ssh", "ENV SSH_AUTH_SOCK=/mine\n");
  EXPECT_THAT(own.env, Contains("SSH_AUTH_SOCK=/mine"));
}

TEST_F(RunLowering, InsecureNeedsAnEntitlement) {
  const Error error = failure("FROM base\nRUN --security=insecure x\n");
  EXPECT_EQ(error.kind(), ErrorKind::permission);
  EXPECT_THAT(error.hint(), HasSubstr("--allow security.insecure"));
  options.run.entitlements = {"security.insecure"};
  EXPECT_EQ(exec("--security=insecure").security, llb::SecurityMode::insecure);
  EXPECT_EQ(exec("--security=sandbox").security, llb::SecurityMode::sandbox);
}

/// A machine with one device, whatever its kind.
class OneDevice : public Devices {
 public:
  Result<std::vector<std::string>> find(const std::string& name, bool required) override {
    if (name == "a.b/c") return std::vector<std::string>{"a.b/c=d"};
    if (required) return not_found("no " + name);
    return std::vector<std::string>();
  }
};

TEST_F(RunLowering, DevicesAreThoseThatAreThereOnce) {
  OneDevice machine;
  options.run.devices = &machine;
  const auto op = exec("--device=a.b/c,required --device=name=a.b/c --device=e.f/g");
  EXPECT_THAT(op.devices, ElementsAre("a.b/c=d"));
  EXPECT_EQ(failure("FROM base\nRUN --device=e.f/g,required x\n").kind(), ErrorKind::not_found);
}

TEST_F(RunLowering, WithoutDevicesOneThatIsRequiredFails) {
  EXPECT_THAT(exec("--device=e.f/g").devices, ElementsAre());
  EXPECT_THAT(failure("FROM base\nRUN --device=e.f/g,required x\n").message(), HasSubstr("e.f/g"));
}

struct Wrong {
  const char* mount;
  const char* message;
};
class WrongMount : public RunLowering, public ::testing::WithParamInterface<Wrong> {};
TEST_P(WrongMount, IsAnErrorInBuildKitsWords) {
  EXPECT_THAT(message(std::string("--mount=") + GetParam().mount), HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongMount,
    ::testing::Values(Wrong{"type=tape,target=/t", "unsupported mount type \"tape\""},
                      Wrong{"target=/", "invalid mount target \"/\""},
                      Wrong{"sorce=a,target=/t", "unexpected key 'sorce' in 'sorce=a'"},
                      Wrong{"target", "invalid field 'target' must be a key=value pair"},
                      Wrong{"target=/t,ro=maybe", "invalid value for ro: maybe"},
                      Wrong{"target=/t,size=1", "unexpected key 'size' for mount type 'bind'"},
                      Wrong{"target=/t,mode=0700", "mode not allowed for \"bind\" type mounts"},
                      Wrong{"target=/t,sharing=locked", "invalid cache sharing set for bind mount"},
                      Wrong{"type=cache,target=/t,sharing=x", "unsupported sharing value \"x\""},
                      Wrong{"type=cache,target=/t,mode=9", "invalid value 9 for mode"},
                      Wrong{"type=cache,target=/t,uid=a", "invalid value a for uid"},
                      Wrong{"type=cache,target=/t,required",
                            "unexpected key 'required' for mount type 'cache'"},
                      Wrong{"type=secret", "invalid secret mount. one of source, target required"},
                      Wrong{"type=secret,id=a,from=b", "secret mount should not have a from"},
                      Wrong{"type=secret,id=a,source=b", "both source and id can't be set"},
                      Wrong{"type=ssh,source=b", "ssh does not support source"}));

TEST_F(RunLowering, EnvOfTheCommandLineIsSetBeforeTheFirstInstruction) {
  options.env = {"A=1", "B=2"};
  options.unset_env = {"B"};
  const auto made = plan("FROM base\nENV A=3\nRUN x\n");
  EXPECT_THAT(last_exec(made).env, ElementsAre("PATH=/bin", "B=2", "A=3"));
  EXPECT_THAT(made.config.config.env, ElementsAre("PATH=/bin", "A=3"));
}

TEST_F(RunLowering, StepsOfAStageInTheFilterIgnoreTheCache) {
  options.no_cache_stages = {"TWO"};
  const auto made = plan("FROM base AS one\nRUN a\nFROM one AS two\nRUN b\n");
  const auto& last = made.graph.vertex(made.result);
  EXPECT_TRUE(last.ignore_cache);
  EXPECT_FALSE(made.graph.vertex(last.inputs[0]).ignore_cache);
}

}  // namespace
}  // namespace kiln::frontend::testing
