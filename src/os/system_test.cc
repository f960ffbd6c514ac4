// SPDX-License-Identifier: Apache-2.0
#include "os/system.h"

#include <gtest/gtest.h>

#include <set>

#include "os/test_temp_dir.h"

namespace kiln::os {
namespace {

using test::must;
using test::TempDir;

TEST(System, EnvironmentTellsUnsetFromEmpty) {
  ::setenv("KILN_TEST_EMPTY", "", 1);
  ::unsetenv("KILN_TEST_UNSET");
  EXPECT_EQ(environment("KILN_TEST_EMPTY"), "");
  EXPECT_EQ(environment("KILN_TEST_UNSET"), std::nullopt);
}

TEST(System, RandomIdsAreThirtyTwoHexDigitsAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(random_id());
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(seen.begin()->size(), 32u);
  EXPECT_EQ(seen.begin()->find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(System, ClockIsNotBeforeAFileJustWritten) {
  const TempDir top;
  top.write("f", "x");
  const auto info = must(top.dir().stat("f"));
  EXPECT_GE(wall_clock(), (TimePoint{info.mtime, info.mtime_nanoseconds}));
}

TEST(System, CanonicalPathHasNoSymlinks) {
  const TempDir top;
  top.make_dir("real");
  must(top.dir().create_symlink("link", "real"));
  const std::string real = must(canonical_path(top.path("real")));
  EXPECT_EQ(must(canonical_path(top.path("link/../link/."))), real);
  EXPECT_EQ(canonical_path(top.path("absent")).error().kind(), ErrorKind::not_found);
  EXPECT_TRUE(must(current_directory()).starts_with('/'));
}

TEST(System, MachineIsDescribed) {
  EXPECT_GE(processor_count(), 1u);
  EXPECT_GT(process_id(), 0);
  EXPECT_FALSE(go_architecture().empty());
  EXPECT_EQ(go_architecture().find("x86"), std::string::npos);
}

}  // namespace
}  // namespace kiln::os
