// SPDX-License-Identifier: Apache-2.0
#include "store/workspace.h"

#include <gtest/gtest.h>

#include "os/process.h"
#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

class WorkspaceTest : public ::testing::Test {
 protected:
  WorkspaceTest() { top_.make_dir("tmp"); }
  std::size_t entries() const {
    return must(must(os::Dir::open(paths_.temporary())).list()).size();
  }
  TempDir top_;
  StorePaths paths_{top_.path()};
};

TEST_F(WorkspaceTest, LeavesNothingWhenItGoes) {
  {
    Workspace workspace = must(Workspace::create(paths_));
    const ScratchDir scratch = must(workspace.create_scratch());
    os::test::write_file_in(scratch.dir(), "f", "x");
    EXPECT_NE(workspace.new_path(), workspace.new_path());
  }
  EXPECT_EQ(entries(), 0u);
}

TEST_F(WorkspaceTest, ScratchGoesAloneAndWhole) {
  Workspace workspace = must(Workspace::create(paths_));
  std::string path;
  {
    const ScratchDir scratch = must(workspace.create_scratch());
    path = scratch.path();
    must(scratch.dir().create_dir("d", 0700));
    os::test::write_file_in(must(scratch.dir().open_dir("d")), "f", "x");
    must(scratch.dir().set_mode("d", 0));
  }
  EXPECT_FALSE(os::path_exists(path));
  EXPECT_TRUE(os::path_exists(workspace.path()));
}

TEST_F(WorkspaceTest, LeftoversOfTheDeadAreSwept) {
  top_.make_dir("tmp/dead/3/layer/fs");
  top_.write("tmp/dead/3/layer/fs/f", "x");
  top_.write("tmp/dead.lock", "");
  top_.write("tmp/lone.lock", "");
  top_.make_dir("tmp/lockless/0");
  const Workspace workspace = must(Workspace::create(paths_));
  EXPECT_EQ(entries(), 2u) << "this process's folder and its lock";
}

TEST_F(WorkspaceTest, WorkOfTheLivingIsKept) {
  Workspace living = must(Workspace::create(paths_));
  const ScratchDir scratch = must(living.create_scratch());
  os::test::write_file_in(scratch.dir(), "f", "x");
  const Workspace second = must(Workspace::create(paths_));
  EXPECT_EQ(os::test::read_file_in(scratch.dir(), "f"), "x");
  EXPECT_TRUE(os::path_exists(scratch.path() + "/f"));
  EXPECT_NE(living.path(), second.path());
}

TEST_F(WorkspaceTest, LockOfAnotherProcessCounts) {
  top_.make_dir("tmp/theirs");
  top_.write("tmp/theirs/f", "x");
  const auto flock = os::find_program("flock");
  if (!flock) GTEST_SKIP() << "no flock program";
  os::SpawnOptions options;
  // It says when it has the lock.
  const os::Pipe ready = must(os::create_pipe());
  options.argv = {
      *flock, "-x", "-F", top_.path("tmp/theirs.lock"), "sh", "-c", "echo; exec sleep 100"};
  options.out = os::Stdio::of(must(ready.write_end.duplicate()));
  auto process = must(os::Process::spawn(std::move(options)));
  std::byte byte{};
  must(os::read_some(ready.read_end, std::span(&byte, 1), "pipe"));
  {
    const Workspace workspace = must(Workspace::create(paths_));
  }
  EXPECT_TRUE(top_.exists("tmp/theirs/f"));
  must(process.kill(9));
  must(process.wait());
}

TEST_F(WorkspaceTest, MovedOnePassesItsFolderOn) {
  Workspace first = must(Workspace::create(paths_));
  const std::string used = first.new_path();
  Workspace second = std::move(first);
  EXPECT_NE(second.new_path(), used);
  EXPECT_TRUE(os::path_exists(second.path()));
}

}  // namespace
}  // namespace kiln::store
