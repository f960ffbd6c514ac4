// SPDX-License-Identifier: Apache-2.0
#include "solver/exec_mounts.h"

#include <gmock/gmock.h>

#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class MountTest : public SolverTest {
 protected:
  llb::VertexId run_op(llb::ExecOp op, std::vector<llb::VertexId> inputs) {
    return graph.add({std::move(op), std::move(inputs), named("RUN")});
  }
  /// Files of the context as a layer, as the frontend asks for what is mounted from there.
  llb::VertexId layer_of(const std::string& source) {
    return copy(scratch(), context(), {copying(source, source)});
  }
  static llb::ExecOp mounting(llb::ExecMount mount) {
    llb::ExecOp op = exec_of("x");
    op.mounts = {std::move(mount)};
    return op;
  }
  /// Whether a step with `second` runs again after one with `first`.
  bool differ(llb::ExecMount first, llb::ExecMount second) {
    const auto root = scratch();
    solved(run_op(mounting(std::move(first)), {root}));
    return !hits(run_op(mounting(std::move(second)), {root}));
  }
  std::string text_at(const executor::ExecSpec& spec, const std::string& target) {
    for (const auto& mount : spec.mounts) {
      const auto* bind = std::get_if<executor::BindMount>(&mount);
      if (bind == nullptr || bind->target != target) continue;
      std::ifstream in(bind->source, std::ios::binary);
      return {std::istreambuf_iterator<char>(in), {}};
    }
    return "(no mount)";
  }
};
using MountKey = MountTest;
using MountStep = MountTest;

TEST_F(MountKey, BindCountsByContent) {
  write("d/f", "1");
  llb::BindMount bind{1, "/d", "/in", true};
  const auto root = scratch();
  solved(run_op(mounting(bind), {root, layer_of("/d")}));
  EXPECT_TRUE(hits(run_op(mounting(bind), {root, layer_of("/d")})));
  write("d/f", "2");
  graph = {};
  const auto again = scratch();
  EXPECT_FALSE(hits(run_op(mounting(bind), {again, layer_of("/d")})));
}

TEST_F(MountKey, WhatIsBesideTheSourceOfABindDoesNotCount) {
  write("d/f", "1");
  write("e", "1");
  const llb::BindMount bind{1, "/d", "/in", true};
  const auto root = scratch();
  solved(run_op(mounting(bind), {root, copy(root, context(), {copying("/", "/")})}));
  write("e", "2");
  graph = {};
  const auto again = scratch();
  EXPECT_TRUE(hits(run_op(mounting(bind), {again, copy(again, context(), {copying("/", "/")})})));
}

TEST_F(MountKey, TimesOfWhatIsBoundDoNotCount) {
  const llb::BindMount bind{1, "/f", "/in", true};
  const auto made = [&](std::int64_t mtime) {
    llb::FileOp op;
    op.actions.emplace_back(llb::InlineFileAction{"f", "text", "/f", "", ""});
    op.mtime = mtime;
    const auto root = scratch();
    const auto source = graph.add({op, {root}, named("COPY")});
    return run_op(mounting(bind), {root, source});
  };
  solved(made(1));
  EXPECT_TRUE(hits(made(2)));
}

TEST_F(MountKey, TargetAndWritabilityOfABindCount) {
  write("f", "1");
  const auto root = scratch();
  const auto source = layer_of("/f");
  solved(run_op(mounting(llb::BindMount{1, "/f", "/in", true}), {root, source}));
  EXPECT_FALSE(hits(run_op(mounting(llb::BindMount{1, "/f", "/other", true}), {root, source})));
  EXPECT_FALSE(hits(run_op(mounting(llb::BindMount{1, "/f", "/in", false}), {root, source})));
}

llb::CacheMount cache_of(const std::string& id) {
  llb::CacheMount mount;
  mount.id = id;
  mount.target = "/c";
  mount.source = "/";
  return mount;
}

TEST_F(MountKey, CacheCountsByIdAndNeverByContent) {
  EXPECT_TRUE(differ(cache_of("a"), cache_of("b")));
  EXPECT_FALSE(differ(cache_of("c"), cache_of("c")));
}

TEST_F(MountKey, SharingOfACacheDoesNotCount) {
  auto locked = cache_of("a");
  locked.sharing = llb::CacheSharing::locked;
  EXPECT_FALSE(differ(cache_of("a"), locked));
}

TEST_F(MountKey, OwnerOfACacheCounts) {
  auto owned = cache_of("a");
  owned.owner.mode = 0700;
  EXPECT_TRUE(differ(cache_of("a"), owned));
}

TEST_F(MountKey, SizeOfATmpfsCounts) {
  EXPECT_TRUE(differ(llb::TmpfsMount{"/t", 0, false}, llb::TmpfsMount{"/t", 4096, false}));
  EXPECT_FALSE(differ(llb::TmpfsMount{"/u", 8192, false}, llb::TmpfsMount{"/u", 8192, false}));
}

TEST_F(MountKey, SecretCountsByIdAndNeverByValue) {
  write("one", "first");
  write("two", "second");
  const auto root = scratch();
  llb::SecretMount secret{"s", "/s", "", false, {}};
  environment.secrets["s"] = {SecretSource::Kind::file, at("one")};
  solved(run_op(mounting(secret), {root}));
  environment.secrets["s"] = {SecretSource::Kind::file, at("two")};
  EXPECT_TRUE(hits(run_op(mounting(secret), {root})));
  environment.secrets.clear();
  EXPECT_TRUE(hits(run_op(mounting(secret), {root})));
  secret.id = "t";
  EXPECT_FALSE(hits(run_op(mounting(secret), {root})));
}

TEST_F(MountKey, WhereASecretIsSeenCounts) {
  const llb::SecretMount file{"s", "/s", "", false, {}};
  EXPECT_TRUE(differ(file, llb::SecretMount{"s", "/t", "", false, {}}));
  EXPECT_TRUE(differ(file, llb::SecretMount{"s", "/s", "S", false, {}}));
}

TEST_F(MountKey, AgentCountsByIdAndTarget) {
  const llb::SshMount ssh{"default", "/a", false, {}};
  EXPECT_FALSE(differ(ssh, ssh));
  EXPECT_TRUE(differ(ssh, llb::SshMount{"other", "/a", false, {}}));
  EXPECT_TRUE(differ(ssh, llb::SshMount{"default", "/b", false, {}}));
}

TEST_F(MountKey, LimitsOfTheStepCount) {
  const auto root = scratch();
  solved(run_op(exec_of("x"), {root}));
  llb::ExecOp limited = exec_of("x");
  limited.ulimits = {{"nofile", 10, 10}};
  EXPECT_FALSE(hits(run_op(limited, {root})));
  llb::ExecOp shm = exec_of("x");
  shm.shm_size = 4096;
  EXPECT_FALSE(hits(run_op(shm, {root})));
  llb::ExecOp insecure = exec_of("x");
  insecure.security = llb::SecurityMode::insecure;
  EXPECT_FALSE(hits(run_op(insecure, {root})));
}

TEST_F(MountKey, NameOfAnExtraHostCountsAndItsAddressDoesNot) {
  const auto root = scratch();
  llb::ExecOp op = exec_of("x");
  op.host_names = {"one"};
  environment.hosts = {{"one", "10.0.0.1"}};
  solved(run_op(op, {root}));
  environment.hosts = {{"one", "10.0.0.2"}};
  EXPECT_TRUE(hits(run_op(op, {root})));
  op.host_names = {"two"};
  EXPECT_FALSE(hits(run_op(op, {root})));
}

TEST_F(MountKey, ControlGroupsDoNotCount) {
  const auto root = scratch();
  solved(run_op(exec_of("x"), {root}));
  environment.resources.memory = 1 << 30;
  EXPECT_TRUE(hits(run_op(exec_of("x"), {root})));
}

TEST_F(MountKey, AStepThatIgnoresTheCacheRunsAgain) {
  const auto root = scratch();
  solved(run_op(exec_of("x"), {root}));
  const auto target = graph.add({exec_of("x"), {root}, named("RUN"), true});
  EXPECT_FALSE(hits(target));
}

TEST_F(MountStep, SecretIsInMemoryWhileTheStepRuns) {
  write("value", "hidden");
  environment.secrets["s"] = {SecretSource::Kind::file, at("value")};
  llb::ExecOp op = mounting(llb::SecretMount{"s", "/run/secrets/s", "TOKEN", true, {}});
  std::string seen;
  std::vector<std::string> env, secret_env;
  executor = std::make_unique<executor::FakeExecutor>(
      [&](const executor::ExecSpec& spec, executor::ExecIo&, std::stop_token) {
        seen = text_at(spec, "/run/secrets/s");
        env = spec.env;
        secret_env = spec.secret_env;
        return Result<os::ExitStatus>(os::ExitStatus{});
      });
  solved(run_op(op, {scratch()}));
  EXPECT_EQ(seen, "hidden");
  EXPECT_THAT(secret_env, Contains("TOKEN=hidden"));
  EXPECT_THAT(env, Not(Contains(HasSubstr("hidden"))));
}

TEST_F(MountStep, RequiredSecretThatNobodyGaveIsAnError) {
  const Error error =
      failed(run_op(mounting(llb::SecretMount{"s", "/s", "", true, {}}), {scratch()}));
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.message(), HasSubstr("secret s: not found"));
}

TEST_F(MountStep, CacheOutlivesTheBuildAndIsListed) {
  executor = std::make_unique<executor::FakeExecutor>([&](const executor::ExecSpec& spec,
                                                          executor::ExecIo&, std::stop_token) {
    std::ofstream(std::get<executor::BindMount>(spec.mounts.front()).source + "/f", std::ios::app)
        << "x";
    return Result<os::ExitStatus>(os::ExitStatus{});
  });
  solved(run_op(mounting(cache_of("kept")), {scratch()}));
  cache = UseCache::ignore;
  solved(run_op(mounting(cache_of("kept")), {scratch()}));
  const auto records = store->cache_mounts().list();
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().id, "kept");
  std::ifstream in(store->paths().cache_mounts() + "/" + records->front().name + "/fs/f");
  std::string text;
  in >> text;
  EXPECT_EQ(text, "xx");
}

TEST_F(MountStep, DeviceThatIsNeededIsNamed) {
  llb::ExecOp op = exec_of("x");
  op.devices = {"vendor.com/gpu=all"};
  environment.devices = std::make_shared<const executor::CdiRegistry>(std::vector<std::string>());
  EXPECT_THAT(failed(run_op(op, {scratch()})).message(), HasSubstr("vendor.com/gpu=all"));
}

}  // namespace
}  // namespace kiln::solver::testing
