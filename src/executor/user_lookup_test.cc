// SPDX-License-Identifier: Apache-2.0
#include "executor/user_lookup.h"

#include <gtest/gtest.h>

#include <ostream>

namespace kiln::executor {
namespace {

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "\n"
    "daemon:x:1:1::/:/bin/false\n"
    "app:x:1000:1000:App,,,:/home/app:/bin/sh\n"
    "bare:x:1001\n";
constexpr const char* kGroup =
    "root:x:0:root\n"
    "wheel:x:10:root,app\n"
    "app:x:1000:\n"
    "video:x:44:app\n"
    "empty:x:50\n";

Result<ExecUser> looked_up(std::string_view user) { return resolve_user(user, kPasswd, kGroup); }

std::string error(std::string_view user) {
  const auto result = looked_up(user);
  return result ? "" : result.error().message();
}

TEST(UserLookup, NothingIsRoot) {
  const ExecUser root{.uid = 0, .gid = 0, .additional_gids = {0, 10}, .home = "/root"};
  EXPECT_EQ(*looked_up(""), root);
  EXPECT_EQ(*looked_up("0"), root);
  EXPECT_EQ(*looked_up("root"), root);
}

TEST(UserLookup, WithoutFilesNumbersAreTaken) {
  EXPECT_EQ(*resolve_user("", "", ""), ExecUser{});
  EXPECT_EQ(*resolve_user("5:6", "", ""),
            (ExecUser{.uid = 5, .gid = 6, .additional_gids = {}, .home = "/"}));
  EXPECT_EQ(resolve_user("root", "", "").error().message(),
            "unable to find user root: no matching entries in passwd file");
}

TEST(UserLookup, NameGivesIdGroupsAndHome) {
  const ExecUser app{.uid = 1000, .gid = 1000, .additional_gids = {10, 44}, .home = "/home/app"};
  EXPECT_EQ(*looked_up("app"), app);
  EXPECT_EQ(*looked_up("1000"), app);
  EXPECT_EQ(*looked_up("app:"), app);
}

TEST(UserLookup, NamedGroupReplacesAllOthers) {
  EXPECT_EQ(*looked_up("app:video"),
            (ExecUser{.uid = 1000, .gid = 44, .additional_gids = {}, .home = "/home/app"}));
  EXPECT_EQ(*looked_up("app:0"),
            (ExecUser{.uid = 1000, .gid = 0, .additional_gids = {}, .home = "/home/app"}));
  EXPECT_EQ(looked_up("app:4242")->gid, 4242U);
  EXPECT_EQ(*looked_up(":5"),
            (ExecUser{.uid = 0, .gid = 5, .additional_gids = {}, .home = "/root"}));
}

TEST(UserLookup, UnknownNumberHasGroupZero) {
  EXPECT_EQ(*looked_up("4242"),
            (ExecUser{.uid = 4242, .gid = 0, .additional_gids = {}, .home = "/"}));
}

TEST(UserLookup, MissingFieldsAreZeroAndEmpty) {
  EXPECT_EQ(*looked_up("bare"),
            (ExecUser{.uid = 1001, .gid = 0, .additional_gids = {}, .home = ""}));
  EXPECT_EQ(looked_up("app:empty")->gid, 50U);
}

TEST(UserLookup, UnknownNamesAreDockersErrors) {
  EXPECT_EQ(error("foo"), "unable to find user foo: no matching entries in passwd file");
  EXPECT_EQ(error("root:foo"), "unable to find group foo: no matching entries in group file");
  EXPECT_EQ(error("0::"), "unable to find group :: no matching entries in group file");
  EXPECT_EQ(looked_up("foo").error().kind(), ErrorKind::not_found);
}

TEST(UserLookup, IdsHaveARange) {
  for (const char* user :
       {"2147483648", "99999999999", "99999999999999999999", "-1", "0:-1", "app:2147483648"})
    EXPECT_EQ(error(user), "uids and gids must be in range 0-2147483647") << user;
  EXPECT_EQ(looked_up("2147483647")->uid, 2147483647U);
}

TEST(UserLookup, NamesMadeOfDigitsAreNumbers) {
  EXPECT_EQ(resolve_user("12", "12:x:77:77::/home/x:", "")->uid, 12U);
}

}  // namespace
}  // namespace kiln::executor
