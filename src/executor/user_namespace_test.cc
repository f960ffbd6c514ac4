// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "os/process.h"
#include "os/system.h"
#include "os/user_namespace_testing.h"

namespace kiln::executor {
namespace {

/// All tests of OciExecutor once more as an ordinary user has them: as root of a user namespace.
TEST(OciExecutorInUserNamespace, PassesTheSameTests) {
  if (os::effective_uid() != 0) GTEST_SKIP() << "needs root, to make a namespace with many ids";
  if (!os::find_program("crun")) GTEST_SKIP() << "crun is not installed";
  const auto status = os::run_in_user_namespace({.first = 1000000, .count = 65536}, [] {
    os::SpawnOptions options;
    options.argv = {"/proc/self/exe", "--gtest_filter=OciExecutorTest.*", "--gtest_brief=1"};
    auto process = os::Process::spawn(std::move(options));
    if (!process) return 121;
    auto ended = process->wait();
    return ended ? ended->shell_code() : 122;
  });
  if (!status) GTEST_SKIP() << status.error().message();
  EXPECT_EQ(*status, 0);
}

}  // namespace
}  // namespace kiln::executor
