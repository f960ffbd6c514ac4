// SPDX-License-Identifier: Apache-2.0
#include "os/user_namespace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "os/kernel.h"
#include "os/process.h"
#include "os/user_namespace_testing.h"

namespace kiln::os {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SubordinateIds, AllRangesOfTheUserByNameOrNumber) {
  const char* text =
      "alice:100000:65536\n"
      "bob:165536:65536\n"
      "1000:300000:1000\n"
      "# comment\n"
      "alice:400000:10\n";
  EXPECT_THAT(subordinate_ids(text, "alice", 1000, 1000),
              ElementsAre(IdRange{100000, 65536}, IdRange{300000, 1000}, IdRange{400000, 10}));
  EXPECT_THAT(subordinate_ids(text, "carol", 1002, 1002), IsEmpty());
}

TEST(SubordinateIds, MalformedLinesAreLeftOut) {
  EXPECT_THAT(subordinate_ids("alice:x:65536\nalice:1:\nalice\nalice:5:0\nalice:1:2:3\n"
                              "alice:4294967290:100\nalice:99999999999:1\n  alice:7:2  \n",
                              "alice", 1000, 1000),
              ElementsAre(IdRange{7, 2}));
}

TEST(SubordinateIds, OverlapsAreLeftOut) {
  EXPECT_THAT(
      subordinate_ids("alice:100:50\nalice:120:10\nalice:149:1\nalice:150:10\nalice:900:200",
                      "alice", 1000, 1000),
      ElementsAre(IdRange{100, 50}, IdRange{150, 10}));
}

TEST(IdMap, OwnIdIsRootAndTheRestFollows) {
  EXPECT_THAT(id_map_arguments(1000, {{100000, 65536}, {300000, 10}}),
              ElementsAre("0", "1000", "1", "1", "100000", "65536", "65537", "300000", "10"));
  EXPECT_THAT(id_map_arguments(1000, {}), ElementsAre("0", "1000", "1"));
}

TEST(EnterUserNamespace, RootGetsMountsOfItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = ::fork();
  if (child == 0) {
    const auto privilege = enter_user_namespace();
    if (!privilege || privilege->kind != Privilege::Kind::root) ::_exit(1);
    if (privilege->user != 0 || privilege->mapped_ids < 1) ::_exit(2);
    ::_exit(::mount("tmpfs", "/usr", "tmpfs", 0, nullptr) == 0 && !path_exists("/usr/bin") ? 0 : 3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(path_exists("/usr/bin"));
}

TEST(EnterUserNamespace, RootOfANamespaceCountsAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make a namespace with many ids";
  const auto result = run_in_user_namespace({.first = 1000000, .count = 5000}, [] {
    if (!in_user_namespace()) return 1;
    const auto privilege = enter_user_namespace();
    if (!privilege) return 2;
    if (privilege->kind != Privilege::Kind::root || privilege->mapped_ids != 5000) return 3;
    return is_gid_mapped(4999) && !is_gid_mapped(5000) ? 0 : 4;
  });
  if (!result) GTEST_SKIP() << result.error().message();
  EXPECT_EQ(*result, 0);
}

TEST(EnterUserNamespace, UserWithoutSubordinateIdsIsToldHowToGetThem) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user without any";
  auto pipe = create_pipe();
  ASSERT_TRUE(pipe.ok());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(54321) != 0 || ::setuid(54321) != 0) ::_exit(1);
    const auto privilege = enter_user_namespace();
    if (privilege) ::_exit(2);
    (void)write_all(pipe->write_end, privilege.error().message() + "\n" + privilege.error().hint(),
                    "pipe");
    ::_exit(0);
  }
  pipe->write_end.reset();
  EXPECT_EQ(*read_all(pipe->read_end, "pipe", 10000),
            "user 54321 has no subordinate ids in /etc/subuid\n"
            "add a line `54321:100000:65536` to /etc/subuid and /etc/subgid, or: sudo usermod "
            "--add-subuids 100000-165535 --add-subgids 100000-165535 54321");
  ::waitpid(child, nullptr, 0);
}

TEST(Kernel, VersionIsRead) {
  EXPECT_GE(kernel_version().major, 4U);
  EXPECT_TRUE(is_gid_mapped(0));
}

}  // namespace
}  // namespace kiln::os
